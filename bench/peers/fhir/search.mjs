// Store Observations, then ask for pages of them, one after the other; prints one JSON line.
// node search.mjs PORT STORED COUNT
import { performance } from 'node:perf_hooks';

const [port, stored, count] = process.argv.slice(2).map(Number);
const base = `http://127.0.0.1:${port}/Observation`;
let failures = 0;
for (let i = 0; i < stored; i++) {
  const answer = await fetch(base, {
    method: 'POST',
    headers: { 'content-type': 'application/fhir+json' },
    body: JSON.stringify({
      resourceType: 'Observation',
      status: 'final',
      code: { coding: [{ system: 'http://loinc.org', code: '99504-3' }] },
      subject: { reference: 'Patient/p-1' },
      effectiveDateTime: new Date(1700000000000 + i * 300000).toISOString(),
      valueQuantity: { value: 70 + (i % 110), unit: 'mg/dL', system: 'http://unitsofmeasure.org', code: 'mg/dL' },
    }),
  });
  await answer.text();
  failures += answer.status === 201 ? 0 : 1;
}
const times = [];
for (let i = 0; i < 5; i++) {
  const began = performance.now();
  const answer = await fetch(`${base}?subject=Patient/p-1&_count=${count}&_sort=-date`);
  const bundle = await answer.json();
  times.push(performance.now() - began);
  failures += answer.status === 200 && bundle.entry.length === count ? 0 : 1;
}
times.sort((a, b) => a - b);
console.log(JSON.stringify({ failures, p50_ms: times[Math.floor(times.length / 2)] }));
