// oidc-provider asks whoever runs it to bring an adapter. This one keeps a row for each record, as
// the contributed adapters for SQL do, through the plain driver with prepared statements: no adapter
// of that interface can do with fewer statements. `consume` cannot tell whether it was the first.
import pg from 'pg'

const pool = new pg.Pool({ max: 16 })

export async function prepare() {
  await pool.query(`
    CREATE TABLE records (
      kind TEXT NOT NULL, id TEXT NOT NULL, payload JSONB NOT NULL, grant_id TEXT,
      expires_at TIMESTAMPTZ, consumed_at TIMESTAMPTZ, PRIMARY KEY (kind, id))`)
  await pool.query('CREATE INDEX records_by_grant ON records (grant_id)')
}

export class PostgresAdapter {
  constructor(kind) {
    this.kind = kind
  }

  async upsert(id, payload, expiresIn) {
    const expiresAt = expiresIn ? new Date(Date.now() + expiresIn * 1000) : null
    await pool.query({
      name: 'upsert',
      text: `INSERT INTO records (kind, id, payload, grant_id, expires_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (kind, id) DO UPDATE
             SET payload = $3, grant_id = $4, expires_at = $5`,
      values: [this.kind, id, payload, payload.grantId ?? null, expiresAt],
    })
  }

  async find(id) {
    const { rows } = await pool.query({
      name: 'find',
      text: 'SELECT payload, expires_at, consumed_at FROM records WHERE kind = $1 AND id = $2',
      values: [this.kind, id],
    })
    const [row] = rows
    if (!row || (row.expires_at && row.expires_at < new Date())) return undefined
    return { ...row.payload, ...(row.consumed_at ? { consumed: true } : undefined) }
  }

  async consume(id) {
    await pool.query({
      name: 'consume',
      text: 'UPDATE records SET consumed_at = now() WHERE kind = $1 AND id = $2',
      values: [this.kind, id],
    })
  }

  async destroy(id) {
    await pool.query({
      name: 'destroy',
      text: 'DELETE FROM records WHERE kind = $1 AND id = $2',
      values: [this.kind, id],
    })
  }

  async revokeByGrantId(grantId) {
    await pool.query({
      name: 'revoke',
      text: 'DELETE FROM records WHERE grant_id = $1',
      values: [grantId],
    })
  }
}
