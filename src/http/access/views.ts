/** What crosses to clients about users, keys and sessions. */
import { z } from 'zod';
import type { ApiKey, Principal, Right, User } from '../../contracts.js';

export const RoleWord = z.enum(['admin', 'builder', 'editor', 'agent', 'viewer']);
const line = (max: number) =>
  z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(max, `at most ${max} characters`)
    .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'no control characters');
export const Name = line(200);
/** Not only e-mail addresses: some teams have other names. */
export const Login = line(200)
  .refine((text) => !/\s/.test(text), 'no blanks: an e-mail address')
  .meta({ description: 'an e-mail address; capitals do not count' });
export const Password = z.string().min(1, 'must not be empty').max(1000);
export const Bots = z
  .record(z.string().max(128), RoleWord)
  .meta({ description: 'by APP_ID, what somebody is on single bots beside their role on the hub' });

export const KeyCreate = z
  .strictObject({
    name: Name,
    role: RoleWord,
    expiresInDays: z.number().int().min(1).max(3650).optional().meta({ description: 'never, when left out' }),
  })
  .meta({ id: 'ApiKeyCreate' });
export const KeyRotate = z
  .strictObject({
    overlapSeconds: z
      .number()
      .int()
      .min(0)
      .max(30 * 86_400)
      .default(0)
      .meta({ description: 'how long the old key works on; 0: no longer' }),
  })
  .meta({ id: 'ApiKeyRotate' });
export const KeyView = z
  .object({
    id: z.string(),
    name: z.string(),
    role: RoleWord,
    appId: z.string().nullable().meta({ description: 'the bot that it is for; null: the whole hub' }),
    tail: z.string().meta({ description: 'its last four letters' }),
    by: z.string(),
    createdAt: z.string(),
    expiresAt: z.string().nullable(),
    usedAt: z.string().nullable().meta({ description: 'when it was last used, to the minute' }),
  })
  .meta({ id: 'ApiKey' });
export const NewKeyView = KeyView.extend({
  key: z.string().meta({ description: 'the key itself: it is shown this once and kept nowhere' }),
}).meta({ id: 'NewApiKey' });

export const UserView = z
  .object({
    id: z.string(),
    login: z.string(),
    name: z.string(),
    role: RoleWord.nullable().meta({ description: 'on the whole hub' }),
    bots: Bots,
    active: z.boolean().meta({ description: 'false: shut out' }),
    hasPassword: z.boolean(),
    createdAt: z.string(),
    updatedAt: z.string(),
    signedInAt: z.string().nullable(),
  })
  .meta({ id: 'User' });
export const UserChangeBody = z
  .strictObject({ name: Name, role: RoleWord.nullable(), bots: Bots, active: z.boolean() })
  .partial()
  .meta({ id: 'UserChange' });
export const Invitation = z
  .strictObject({
    login: Login.nullable().default(null),
    role: RoleWord.nullable().default(null),
    bots: Bots.default({}),
  })
  .meta({ id: 'Invitation', description: 'Without a login its holder chooses one.' });
export const LinkView = z
  .object({
    url: z.string().meta({ description: 'hand it to that person yourself: it is shown this once, and works once' }),
    expiresAt: z.string(),
  })
  .meta({ id: 'Link' });

const rights = z.array(z.string());
export const SessionView = z
  .object({
    kind: z.enum(['token', 'key', 'user']),
    id: z.string(),
    name: z.string(),
    role: RoleWord.nullable(),
    bots: Bots,
    csrfToken: z
      .string()
      .nullable()
      .meta({ description: 'to be sent as X-CSRF-Token with every change by session cookie' }),
    rights: z
      .object({
        hub: rights.meta({ description: 'on the hub as a whole, and so on every bot' }),
        bots: z.record(z.string(), rights).meta({ description: 'by APP_ID, on single bots beside that' }),
      })
      .meta({ description: 'what the caller may do, in the words of docs/security.md: a client need offer no more' }),
  })
  .meta({ id: 'Session' });

/** What a principal may do: on the hub as a whole, and by APP_ID on single bots. */
export type RightsOf = (principal: Principal) => { hub: Right[]; bots: Record<string, Right[]> };

export const presentKey = ({ digest: _, ...key }: ApiKey): object => key;
export const presentUser = ({ password, ...user }: User): object => ({ ...user, hasPassword: password !== null });
