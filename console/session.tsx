/** Who is signed in: the token lives in this tab alone and goes with it. */
import { createContext, type ReactNode, useContext, useMemo, useState } from 'react';

import { apiOf, type Api } from './api';

const kept = 'switchboard.token';

interface Session {
  api: Api | null;
  signIn(token: string): void;
  signOut(): void;
}
const SessionContext = createContext<Session | null>(null);

export function SessionProvider({ children }: { children: ReactNode }) {
  const [token, setToken] = useState(() => sessionStorage.getItem(kept));
  const session = useMemo<Session>(
    () => ({
      api: token === null ? null : apiOf(token),
      signIn(given) {
        sessionStorage.setItem(kept, given);
        setToken(given);
      },
      signOut() {
        sessionStorage.removeItem(kept);
        setToken(null);
      },
    }),
    [token],
  );
  return <SessionContext value={session}>{children}</SessionContext>;
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('outside of SessionProvider');
  return session;
}

/** The API of who is signed in; only pages behind the sign-in use it. */
export function useApi(): Api {
  const { api } = useSession();
  if (!api) throw new Error('nobody is signed in');
  return api;
}
