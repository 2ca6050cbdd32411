/** The calls of the console about a bot's Rasa project. */
import type { z } from 'zod';

import type { Page } from '../src/client';
import type { FindingView } from '../src/wire';
import { type Asking, botPath, segment } from './asking';

export type ProjectFinding = z.infer<typeof FindingView>;

export function projectCalls({ client, json, send }: Asking) {
  const file = (appId: string, path: string): string =>
    `${botPath(appId)}/files/${path.split('/').map(segment).join('/')}`;
  return {
    files: async (appId: string) =>
      (await json<Page<{ path: string }>>('GET', `${botPath(appId)}/files`)).items.map(({ path }) => path),
    readFile: async (appId: string, path: string) => (await client.call('GET', file(appId, path))).text(),
    /** `findings` null: Rasa's validator could not say in time, or is not here. */
    writeFile: (appId: string, path: string, text: string) =>
      json<{ findings: ProjectFinding[] | null }>('PUT', file(appId, path), {
        body: new TextEncoder().encode(text),
        type: 'text/plain',
      }),
    removeFile: (appId: string, path: string) => send('DELETE', file(appId, path)),
    validate: (appId: string) => json<{ findings: ProjectFinding[] }>('POST', `${botPath(appId)}/validate`),
  };
}
