// An OpenID Connect provider that stands in for Pro Santé Connect and FranceConnect: `oidc-provider`, not ours.
// Reads its clients on standard input; says its port; /control changes who signs in, and the keys.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import { exportJWK, generateKeyPair } from 'jose';

const { clients } = JSON.parse(await new Promise((resolve) => {
  let text = '';
  process.stdin.on('data', (part) => { text += part; if (text.endsWith('\n')) resolve(text); });
}));
const who = { sub: 'alice', acr: 'eidas2', claims: {} };
let logouts = [];
let keys = [];
let generation = 0;

async function newKeys() {
  generation += 1;
  keys = [];
  for (const alg of ['RS256', 'ES256', 'PS256']) {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    keys.push({ ...(await exportJWK(privateKey)), alg, use: 'sig', kid: `${alg}-${generation}` });
  }
}

const server = createServer((request, response) => handle(request, response));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
let serve;

async function start() {
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys },
    cookies: { keys: ['only for tests'], long: { sameSite: 'none' } },
    enableHttpPostMethods: true,
    scopes: ['openid', 'scope_all', 'given_name', 'family_name', 'birthdate', 'gender', 'birthplace', 'birthcountry'],
    acrValues: ['eidas1', 'eidas2', 'eidas3'],
    claims: {
      openid: ['sub', 'acr', 'auth_time', 'sid'],
      scope_all: ['SubjectNameID', 'SubjectRefPro', 'family_name', 'given_name'],
      given_name: ['given_name'], family_name: ['family_name'], birthdate: ['birthdate'], gender: ['gender'],
      birthplace: ['birthplace'], birthcountry: ['birthcountry'],
    },
    pkce: { required: () => true },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, acr: who.acr, ...who.claims }) }),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      jwtUserinfo: { enabled: true },
      encryption: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => { ctx.body = form; },
      },
    },
    fetch: async (url, options) => {
      logouts.push({ url: String(url), token: new URLSearchParams(options.body).get('logout_token') });
      return new Response('', { status: 200 });
    },
    renderError: (ctx, out) => { ctx.type = 'json'; ctx.body = out; },
  });
  provider.on('server_error', (_ctx, err) => console.error(err));
  provider.on('backchannel.error', (_ctx, err) => console.error(err));
  const callback = provider.callback();
  serve = async (request, response) => {
    if (!request.url.startsWith('/interaction/')) return callback(request, response);
    const { params } = await provider.interactionDetails(request, response);
    if (who.sub === '') {
      return provider.interactionFinished(request, response, { error: 'access_denied' });
    }
    const grant = new provider.Grant({ accountId: who.sub, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    return provider.interactionFinished(request, response, {
      login: { accountId: who.sub, acr: who.acr },
      consent: { grantId: await grant.save() },
    }, { mergeWithLastSubmission: false });
  };
}

async function handle(request, response) {
  try {
    if (request.url !== '/control') return await serve(request, response);
    let text = '';
    for await (const part of request) text += part;
    const asked = JSON.parse(text);
    if (asked.rotate) { await newKeys(); await start(); }
    Object.assign(who, asked.who ?? {});
    response.end(JSON.stringify({ logouts: logouts.splice(0) }));
  } catch (error) {
    console.error(error);
    response.statusCode = 500;
    response.end();
  }
}

await newKeys();
await start();
console.log(server.address().port);
process.stdin.on('end', () => process.exit(0));
