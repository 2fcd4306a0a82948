// POST Observation over kept-alive connections for some seconds; prints one JSON line.
// node client.mjs PORT SECONDS CONNECTIONS
import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';

const [port, seconds, connections] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const start = performance.now();
const end = start + seconds * 1000;
const times = [];
let failures = 0;

function observation(i) {
  return JSON.stringify({
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '99504-3' }] },
    subject: { reference: `Patient/p-${i % 200}` },
    device: { reference: `Device/d-${i % 200}` },
    effectiveDateTime: new Date(1700000000000 + i * 300000).toISOString(),
    valueQuantity: { value: 70 + (i % 110), unit: 'mg/dL', system: 'http://unitsofmeasure.org', code: 'mg/dL' },
  });
}

function post(i) {
  return new Promise((resolve) => {
    const data = observation(i);
    const began = performance.now();
    const call = request(
      {
        agent, port, host: '127.0.0.1', method: 'POST', path: '/Observation',
        headers: { 'content-type': 'application/fhir+json', 'content-length': Buffer.byteLength(data) },
      },
      (response) => {
        response.resume();
        response.on('end', () => {
          if (response.statusCode === 201) {
            times.push(performance.now() - began);
          } else {
            failures += 1;
          }
          resolve();
        });
      }
    );
    call.on('error', () => { failures += 1; resolve(); });
    call.end(data);
  });
}

let next = 0;
async function worker() {
  while (performance.now() < end) {
    await post(next++);
  }
}
await Promise.all(Array.from({ length: connections }, worker));
const elapsed = (performance.now() - start) / 1000;
agent.destroy();
times.sort((a, b) => a - b);
console.log(JSON.stringify({
  posted: times.length, failures, per_s: times.length / elapsed,
  p50_ms: times[Math.floor(times.length * 0.5)], p99_ms: times[Math.floor(times.length * 0.99)],
}));
