// oidc-provider as its documentation sets it up: opaque access tokens, refresh tokens used once
// (rotateRefreshToken), the whole grant revoked when a spent one comes back. Argument: `memory` for
// its own in-memory adapter, `postgres` for the one in adapter.mjs.
import { Provider } from 'oidc-provider'
import { PostgresAdapter, prepare } from './adapter.mjs'

const durable = process.argv[2] === 'postgres'
if (durable) await prepare()

const client = { client_id: 'bench', client_secret: 'bench-secret-of-some-length-0123456789' }
const provider = new Provider('http://127.0.0.1', {
  adapter: durable ? PostgresAdapter : undefined,
  clients: [
    { ...client, grant_types: ['refresh_token', 'sign-in'], redirect_uris: [], response_types: [] },
  ],
  scopes: ['openid', 'offline_access'],
  features: { devInteractions: { enabled: false } },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  rotateRefreshToken: true,
  ttl: { AccessToken: 7200, RefreshToken: 7500, Grant: 14 * 86400, IdToken: 3600 },
  cookies: { keys: ['of no use here'] },
})

// «Issue»: a backend signs one of its users in. The protocol does this in a browser, which is no
// load to put on a server; this makes the same three records without the pages.
provider.registerGrantType(
  'sign-in',
  async (ctx) => {
    const { AccessToken, Grant, RefreshToken } = provider
    const accountId = ctx.oidc.params.reference
    const grant = new Grant({ accountId, clientId: client.client_id })
    grant.addOIDCScope('offline_access')
    const made = {
      accountId,
      client: ctx.oidc.client,
      grantId: await grant.save(),
      gty: 'sign-in',
      scope: 'offline_access',
    }
    ctx.body = {
      access_token: await new AccessToken(made).save(),
      refresh_token: await new RefreshToken(made).save(),
      token_type: 'Bearer',
      expires_in: 7200,
    }
  },
  ['reference'],
)
provider.on('server_error', (_, error) => console.error(error))

const server = provider.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`
  console.log(JSON.stringify({ event: 'listening', url }))
})
