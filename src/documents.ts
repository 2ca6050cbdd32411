/** Changes of a document (`DocumentStore`) that several may make at once. */
import type { DocumentStore, Json } from './contracts.js';

/**
 * Puts what `change` makes of the document's body as it is, whoever else changes it meanwhile, here or at another hub. `change` is given null
 * where there is none, may be called more than once, and answers null when nothing is to be written. Rejects with what it throws, and as the
 * store does.
 */
export async function changeDocument(
  documents: Pick<DocumentStore, 'get' | 'swap'>,
  { appId, name }: { appId: string; name: string },
  change: (body: Json | null) => Json | null,
): Promise<void> {
  for (;;) {
    const was = await documents.get(appId, name);
    const body = change(was);
    if (!body || (await documents.swap({ appId, name, was, body }))) return;
  }
}
