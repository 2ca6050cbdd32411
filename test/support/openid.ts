/** A real OpenID provider, configured as a Keycloak realm is whose roles mapper has "Add to userinfo" switched on. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

export interface TestProvider {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** Realm roles by what somebody signs in with; a change counts at once. */
  roles: Map<string, string[]>;
  /** Whose account is closed there. */
  closed: Set<string>;
  stop(): Promise<void>;
}

/** `redirectUri` is asked when the provider is: the hub's port is known late. Sign in with any name and password. */
export async function openProvider(redirectUri: () => string): Promise<TestProvider> {
  const [roles, closed] = [new Map<string, string[]>(), new Set<string>()];
  const server: Server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [clientId, clientSecret] = ['switchboard', 'the-secret-of-the-client'];
  const client = { client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri()] };
  const provider = new Provider(issuer, {
    clients: [{ ...client, grant_types: ['authorization_code', 'refresh_token'] }],
    claims: { openid: ['sub'], profile: ['name', 'realm_access'], email: ['email'] },
    cookies: { keys: ['x'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    findAccount: (_context, id) =>
      closed.has(id)
        ? undefined
        : {
            accountId: id,
            claims: () => ({
              sub: id,
              name: `Name of ${id}`,
              email: `${id}@example.org`,
              realm_access: { roles: ['offline_access', ...(roles.get(id) ?? [])] },
            }),
          },
  });
  const handle = provider.callback();
  server.on('request', (request, response) => void handle(request, response));
  return {
    issuer,
    clientId,
    clientSecret,
    roles,
    closed,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
