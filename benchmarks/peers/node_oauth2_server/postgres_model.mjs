// Tokens in one table. The library leaves the model to whoever runs it; this is a careful one: a
// refresh token is taken by one conditional statement, so that only one of two callers gets it, and
// digests are kept in place of tokens.
import { createHash } from 'node:crypto'
import pg from 'pg'

const pool = new pg.Pool({ max: 16 })
const digest = (text) => createHash('sha256').update(text).digest()

export async function prepare() {
  await pool.query(`
    CREATE TABLE tokens (
      access BYTEA PRIMARY KEY, access_expires_at TIMESTAMPTZ NOT NULL,
      refresh BYTEA NOT NULL UNIQUE, refresh_expires_at TIMESTAMPTZ NOT NULL,
      client_id TEXT NOT NULL, user_id TEXT NOT NULL, scope TEXT[], used_at TIMESTAMPTZ)`)
}

export const model = {
  async saveToken(token, client, user) {
    await pool.query({
      name: 'save',
      text: 'INSERT INTO tokens VALUES ($1, $2, $3, $4, $5, $6, $7)',
      values: [
        digest(token.accessToken), token.accessTokenExpiresAt, digest(token.refreshToken),
        token.refreshTokenExpiresAt, client.id, user.id, token.scope ?? null,
      ],
    })
    return { ...token, client, user }
  },

  async getRefreshToken(text) {
    const { rows } = await pool.query({
      name: 'get',
      text: `SELECT refresh_expires_at, client_id, user_id, scope FROM tokens
             WHERE refresh = $1 AND used_at IS NULL`,
      values: [digest(text)],
    })
    if (rows.length === 0) return false
    const [row] = rows
    return {
      refreshToken: text,
      refreshTokenExpiresAt: row.refresh_expires_at,
      scope: row.scope ?? undefined,
      client: { id: row.client_id },
      user: { id: row.user_id },
    }
  },

  async revokeToken(token) {
    const { rowCount } = await pool.query({
      name: 'take',
      text: 'UPDATE tokens SET used_at = now() WHERE refresh = $1 AND used_at IS NULL',
      values: [digest(token.refreshToken)],
    })
    return rowCount === 1
  },
}
