import { createContext, useContext } from 'hono/jsx';
import type { Session } from '../session.ts';

/** Null on pages that need no login. */
export const SessionContext = createContext<Session | null>(null);
export const useSession = () => useContext(SessionContext);
