// Tokens in two maps: what a restart forgets.
const access = new Map()
const refresh = new Map()

export async function prepare() {}

export const model = {
  async saveToken(token, client, user) {
    const kept = { ...token, client, user }
    access.set(token.accessToken, kept)
    refresh.set(token.refreshToken, kept)
    return kept
  },
  getAccessToken: async (text) => access.get(text),
  getRefreshToken: async (text) => refresh.get(text),
  revokeToken: async (token) => refresh.delete(token.refreshToken),
}
