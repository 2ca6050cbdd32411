/** Who is signed in: by the session cookie, or by a token that lives in this tab alone and goes with it. */
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';

import { apiOf, type Api, HubRefusal } from './api';
import type { RightWord, SessionWire } from './api-access';

const kept = 'switchboard.token';

/** Who is signed in, and how they ask. */
export interface Self {
  me: SessionWire;
  api: Api;
}
interface Session {
  /** Undefined while the hub is asked. */
  self: Self | null | undefined;
  /** The hub did not answer who is signed in. */
  problem: unknown;
  /** Rejects as the hub refuses. */
  signInByToken(token: string): Promise<void>;
  signIn(given: { login: string; password: string }): Promise<void>;
  /** Rejects, and somebody is signed in still, when the hub does not answer. */
  signOut(): Promise<void>;
  /** Asks anew who is signed in. */
  refresh(): Promise<void>;
}
const SessionContext = createContext<Session | null>(null);

async function byToken(key: string): Promise<Self> {
  const api = apiOf({ key });
  return { me: await api.session(), api };
}
const byCookie = (me: SessionWire): Self => ({
  me,
  api: apiOf(me.csrfToken === null ? {} : { csrfToken: me.csrfToken }),
});

async function present(): Promise<Self | null> {
  const token = sessionStorage.getItem(kept);
  try {
    return token === null ? byCookie(await apiOf().session()) : await byToken(token);
  } catch (error) {
    if (!(error instanceof HubRefusal && error.status === 401)) throw error;
    sessionStorage.removeItem(kept);
    return null;
  }
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const [self, setSelf] = useState<Self | null | undefined>();
  const [problem, setProblem] = useState<unknown>(null);
  const session = useMemo<Session>(() => {
    const refresh = async (): Promise<void> => {
      setProblem(null);
      await present().then(setSelf, setProblem);
    };
    return {
      self,
      problem,
      refresh,
      async signInByToken(token) {
        setSelf(await byToken(token));
        sessionStorage.setItem(kept, token);
      },
      signIn: async (given) => setSelf(byCookie(await apiOf().signIn(given))),
      async signOut() {
        // A session that has ended already is as good; one that the hub did not hear of goes on, and so does the page.
        if (self?.me.csrfToken)
          await self.api.signOut().catch((error: unknown) => {
            if (!(error instanceof HubRefusal)) throw error;
          });
        sessionStorage.removeItem(kept);
        setSelf(null);
      },
    };
  }, [self, problem]);
  // Once: who was signed in when the page was opened.
  useEffect(() => void present().then(setSelf, setProblem), []);
  return <SessionContext value={session}>{children}</SessionContext>;
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('outside of SessionProvider');
  return session;
}

/** Who is signed in; only pages behind the sign-in use it. */
export function useSelf(): Self {
  const { self } = useSession();
  if (!self) throw new Error('nobody is signed in');
  return self;
}
export const useApi = (): Api => useSelf().api;

/** May who is signed in do this: on the bot, or, without one, on the hub as a whole? What they may not do is not offered. */
export function useMay(): (right: RightWord, appId?: string) => boolean {
  const { rights } = useSelf().me;
  return (right, appId) =>
    rights.hub.includes(right) || (appId !== undefined && (rights.bots[appId]?.includes(right) ?? false));
}
