// @node-oauth/oauth2-server behind its Express wrapper, as its documentation sets it up: opaque
// tokens, a new refresh token for each that is used (alwaysIssueNewRefreshToken, the default).
// Argument: `memory` or `postgres`, which of the two models keeps the tokens.
import express from 'express'
import ExpressOAuthServer from '@node-oauth/express-oauth-server'

const { prepare, model } = await import(
  process.argv[2] === 'postgres' ? './postgres_model.mjs' : './memory_model.mjs'
)
await prepare()

const client = { id: 'bench', grants: ['password', 'refresh_token'] }
const secret = 'bench-secret-of-some-length-0123456789'
const oauth = new ExpressOAuthServer({
  model: {
    getClient: async (id, given) => (id === client.id && given === secret ? client : false),
    // «Issue»: a backend signs one of its users in, whom it has authenticated by itself.
    getUser: async (name) => ({ id: name }),
    ...model,
  },
  accessTokenLifetime: 7200,
  refreshTokenLifetime: 7500,
})

const app = express()
app.disable('x-powered-by')
app.disable('etag')
app.use(express.urlencoded({ extended: false }))
app.post('/token', oauth.token())
const server = app.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`
  console.log(JSON.stringify({ event: 'listening', url }))
})
