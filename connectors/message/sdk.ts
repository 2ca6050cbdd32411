/** SDKs that cost a start of the hub tenths of a second are loaded when the first bot uses them; only their types are imported. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** The package as `import * as` would give it; the second call of a name costs nothing. */
export const loadSdk = (name: string): unknown => require(name);
