import { once } from 'node:events';
import Provider, { type Configuration } from 'oidc-provider';

/** A real OpenID Connect provider on loopback, with its own pages for login and consent. */
export interface TestProvider {
  issuer: string;
  close(): Promise<void>;
}

export interface TestProviderOptions {
  port: number;
  redirectUri: string;
  clientSecret: string;
  /** Claims by the name that somebody logs in with. */
  accounts: Record<string, Record<string, unknown>>;
}

export const clientId = 'stackferry';

export async function startProvider(options: TestProviderOptions): Promise<TestProvider> {
  const { port, redirectUri, clientSecret, accounts } = options;
  const issuer = `http://127.0.0.1:${port}`;
  const configuration: Configuration = {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
    // As most providers have it: only the subject is in the ID token, the rest is told on request.
    claims: { email: ['email', 'email_verified'], profile: ['preferred_username', 'groups'] },
    findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id, ...accounts[id] }) }),
    cookies: { keys: ['of the test'] },
    pkce: { required: () => true },
  };
  const server = new Provider(issuer, configuration).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    issuer,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
