/**
 * What crosses to API clients and browsers: zod schemas, from which request checks and the OpenAPI document both come.
 * Strict objects: a misspelt field is a fault with its path, not silence.
 */
export * from './wire/analytics.js';
export * from './wire/bots.js';
export * from './wire/care.js';
export * from './wire/channels.js';
export * from './wire/conversations.js';
export * from './wire/faq.js';
export * from './wire/gate.js';
export * from './wire/lint.js';
export * from './wire/machines.js';
export * from './wire/messages.js';
export * from './wire/misses.js';
export * from './wire/models.js';
export * from './wire/pages.js';
export * from './wire/templates.js';
export * from './wire/training.js';
