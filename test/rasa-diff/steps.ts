/**
 * The requests of the differential test, in order: valid, odd and broken. Each is asked of a real `rasa run --enable-api` and of the facade
 * over the same model; `differs` names the row of docs/rasa-api.md by which the two answers may differ.
 */
export interface Step {
  method: string;
  /** Path and query; the key is added where `as` says so. */
  path: string;
  headers?: Record<string, string>;
  body?: string;
  /** Who asks. `key` when absent: by `?token=`. */
  as?: 'key' | 'nobody' | 'wrong' | 'jwt-admin' | 'jwt-anna' | 'jwt-none' | 'jwt-forged' | 'jwt-late' | 'not-bearer';
  differs?: string;
  /** Of the short run too. */
  short?: true;
}
type Rest = Omit<Step, 'method' | 'path'>;

const json = { 'content-type': 'application/json' };
const yaml = { 'content-type': 'application/x-yaml' };
const get = (path: string, rest: Rest = {}): Step => ({ method: 'GET', path, ...rest });
const post = (path: string, body: unknown, rest: Rest = {}): Step => sending('POST', path, body, rest);
const put = (path: string, body: unknown, rest: Rest = {}): Step => sending('PUT', path, body, rest);
/** `body`: a text as it is, anything else as JSON; undefined: none. */
function sending(method: string, path: string, body: unknown, rest: Rest): Step {
  const text = typeof body === 'string' ? body : (JSON.stringify(body) as string | undefined);
  return { method, path, headers: json, ...(text === undefined ? {} : { body: text }), ...rest };
}
const short = { short: true } as const;

const callers: Step[] = [
  get('/', { as: 'nobody', ...short }),
  get('/version', { as: 'nobody', ...short }),
  get('/status', short),
  get('/status', { as: 'nobody', ...short }),
  get('/status', { as: 'wrong', ...short }),
  get('/status', { as: 'jwt-admin', ...short }),
  get('/status', { as: 'jwt-anna', ...short }),
  get('/status', { as: 'jwt-none' }),
  get('/status', { as: 'jwt-forged', ...short }),
  get('/status', { as: 'jwt-late' }),
  get('/status', { as: 'not-bearer', differs: 'authorization-header' }),
  get('/status?token=', { as: 'nobody' }),
  get('/status?token=wrong', { as: 'jwt-admin' }),
  get('/status/'),
  get('/conversations/anna/tracker', { as: 'nobody' }),
  get('/conversations/anna/tracker', { as: 'jwt-anna', ...short }),
  get('/conversations/bert/tracker', { as: 'jwt-anna', ...short }),
  post('/conversations/anna/tracker/events', { event: 'slot', name: 'dish', value: 'pasta' }, { as: 'jwt-anna' }),
  post('/conversations/bert/tracker/events', { event: 'restart' }, { as: 'jwt-anna' }),
  post('/model/parse', { text: 'hi' }, { as: 'jwt-anna' }),
  post('/model/parse', { text: 'hi' }, { as: 'nobody' }),
  post('/model/train', 'version: "3.1"', { as: 'nobody' }),
  put('/model', { model_file: 'x' }, { as: 'nobody' }),
  { method: 'DELETE', path: '/model', as: 'wrong' },
];

const domain: Step[] = [
  get('/domain', short),
  ...['application/json', 'application/x-yaml', 'text/yaml', 'application/yml', 'text/html', '*/*', ''].map((accept) =>
    get('/domain', { headers: { accept } }),
  ),
  get('/domain', { headers: { accept: 'application/json, text/plain, */*' } }),
  get('/domain', { headers: { accept: 'text/plain, application/json' } }),
];

const parses: Step[] = [
  post('/model/parse', { text: 'two pizzas please' }, short),
  post('/model/parse', { text: 'two pizzas please', message_id: 'm-1' }),
  post('/model/parse', { text: 'I want to go from Berlin to Paris' }),
  post('/model/parse', { text: 'flibber gibbet' }),
  post('/model/parse', { text: '/greet' }),
  post('/model/parse', { text: '/order{"dish": "pizza"}', short: 1 }, short),
  post('/model/parse', { text: '/order{"dish": ' }),
  post('/model/parse', { text: '/nosuch_intent' }),
  post('/model/parse', { text: '你好，世界 🙂' }, short),
  post('/model/parse', { text: '' }, short),
  post('/model/parse', { text: '   ' }),
  post('/model/parse', { text: null }, short),
  post('/model/parse', { text: 5 }),
  post('/model/parse', { text: ['a'] }),
  post('/model/parse', {}, short),
  post('/model/parse', { q: 'hello' }),
  post('/model/parse', []),
  post('/model/parse', '"hello"'),
  post('/model/parse', 'null'),
  post('/model/parse', undefined, short),
  post('/model/parse', '{"text": ', short),
  post('/model/parse', '{"text": ', { headers: {} }),
  post('/model/parse', '{"text": ', { headers: { accept: 'text/html' } }),
  post('/model/parse', '{"text": ', { headers: { accept: 'application/json' } }),
  post('/model/parse', '{"text": "hi"}', { headers: {} }),
  post('/model/parse', '{"text": "hi"}', { headers: { 'content-type': 'text/plain' } }),
  ...['WIT', 'wit', 'LUIS', 'DIALOGFLOW', 'nothing', ''].map((mode) =>
    post(`/model/parse?emulation_mode=${mode}`, { text: 'hello there' }),
  ),
  post('/model/parse?emulation_mode=WIT&emulation_mode=nothing', { text: 'hello there' }),
  get('/model/parse?text=hello', { differs: 'unknown-address' }),
];

const at = '/conversations/anna';
const user = (text: string, intent: string): object => ({
  event: 'user',
  text,
  parse_data: { text, intent: { name: intent, confidence: 1 }, entities: [] },
});
const trackers: Step[] = [
  get(`${at}/tracker`, short),
  ...['ALL', 'NONE', 'APPLIED', 'AFTER_RESTART', 'all', 'nothing', ''].map((verbosity) =>
    get(`${at}/tracker?include_events=${verbosity}`),
  ),
  ...['0', '1', 'abc', '99999999999', '-5', '1e3', ''].map((until) => get(`${at}/tracker?until=${until}`)),
  get(`${at}/tracker?include_events=ALL&include_events=NONE`),
  get(`${at}/story`),
  get(`${at}/story?all_sessions=true`),
  get(`${at}/story?until=0`),
  get(`${at}/story?all_sessions=TRUE&until=abc`),
  get('/conversations/nobody-knows/story', short),
  post('/conversations/nobody-knows/predict', undefined, short),
  get('/conversations/only-read/tracker'),
  get('/conversations/only-read/story', { differs: 'reading' }),
  post('/conversations/nobody-knows/execute', { name: 'utter_greet' }),
];

const events: Step[] = [
  post(`${at}/tracker/events`, { event: 'slot', name: 'dish', value: 'pizza' }, short),
  post(`${at}/tracker/events`, [
    { event: 'slot', name: 'amount', value: '2' },
    { event: 'slot', name: 'nosuch', value: 1 },
  ]),
  post(
    `${at}/tracker/events?include_events=NONE`,
    [user('hello', 'greet'), { event: 'action', name: 'utter_greet' }],
    short,
  ),
  post(`${at}/tracker/events?output_channel=latest`, { event: 'bot', text: 'Said by hand.', data: {} }),
  post(`${at}/tracker/events?execute_side_effects=true&output_channel=rest`, {
    event: 'bot',
    text: 'Aside.',
    data: { image: 'x' },
  }),
  post(`${at}/tracker/events`, { event: 'followup', name: 'utter_bye' }),
  post(`${at}/tracker/events`, { event: 'active_loop', name: 'order_form' }),
  post(`${at}/tracker/events`, { event: 'loop_interrupted', is_interrupted: true }),
  post(`${at}/tracker/events`, {
    event: 'action_execution_rejected',
    name: 'order_form',
    policy: null,
    confidence: null,
  }),
  post(`${at}/tracker/events`, { event: 'active_loop', name: null }),
  post(`${at}/tracker/events`, { event: 'pause' }),
  post(`${at}/tracker/events`, { event: 'resume' }),
  post(`${at}/tracker/events`, { event: 'export' }),
  post(`${at}/tracker/events`, { event: 'agent', text: 'A person here.', data: null }),
  post(`${at}/tracker/events`, { event: 'entities', entities: [{ entity: 'dish', value: 'salad' }] }),
  post(`${at}/tracker/events`, { event: 'user_featurization', use_text_for_featurization: false }),
  post(`${at}/tracker/events`, { event: 'cancel_reminder', intent: 'bye' }),
  post(`${at}/tracker/events`, { event: 'undo' }),
  post(`${at}/tracker/events`, { event: 'rewind' }),
  post(`${at}/tracker/events`, { event: 'reset_slots' }),
  get(`${at}/tracker?include_events=APPLIED`),
  post(`${at}/tracker/events`, { event: 'restart' }),
  get(`${at}/tracker?include_events=AFTER_RESTART`),
  post(
    `${at}/tracker/events`,
    [{ event: 'action', name: 'action_session_start' }, { event: 'session_started' }],
    short,
  ),
  post(`${at}/tracker/events`, [], short),
  post(`${at}/tracker/events`, {}, short),
  post(`${at}/tracker/events`, [{}]),
  post(`${at}/tracker/events`, { event: 'nosuch' }, short),
  post(`${at}/tracker/events`, { event: 'slot' }),
  post(`${at}/tracker/events`, { event: 'user' }),
  post(`${at}/tracker/events`, 'null'),
  post(`${at}/tracker/events`, '5'),
  post(`${at}/tracker/events`, undefined),
  post(`${at}/tracker/events`, '[{', short),
  post(`${at}/tracker/events?include_events=nothing`, { event: 'pause' }),
  put('/conversations/carl/tracker/events', [user('hello', 'greet'), { event: 'action', name: 'utter_greet' }], short),
  put('/conversations/carl/tracker/events?include_events=NONE', [user('bye', 'bye')]),
  get('/conversations/carl/tracker?include_events=ALL', short),
  put('/conversations/carl/tracker/events', { event: 'restart' }),
  put('/conversations/carl/tracker/events', []),
  put('/conversations/carl/tracker/events', [{ event: 'nosuch' }]),
  put('/conversations/carl/tracker/events', '{', short),
  put('/conversations/carl/tracker/events', undefined),
  get('/conversations/carl/story'),
];

const ids: Step[] = [
  'a/b/c',
  'tracker',
  'a%2Fb',
  '%E4%BD%A0%E5%A5%BD',
  'a%20b',
  'a+b',
  'x/tracker/events',
  '%',
  '-',
  'a:b@c;d=e',
].flatMap((id, n): Step[] => [
  post(`/conversations/${id}/tracker/events`, user('hello', 'greet'), n < 4 ? short : {}),
  get(`/conversations/${id}/tracker?include_events=ALL`, n < 4 ? short : {}),
]);

const talk: Step[] = [
  post('/conversations/dora/messages', { text: 'hello', sender: 'user' }, short),
  post('/conversations/dora/messages?include_events=NONE', { text: 'a pizza', sender: 'user' }),
  post('/conversations/dora/messages', {
    text: 'bye',
    sender: 'user',
    parse_data: { intent: { name: 'bye', confidence: 1 }, entities: [], text: 'bye' },
  }),
  post('/conversations/dora/messages', { text: 'hello', sender: 'bot' }, short),
  post('/conversations/dora/messages', { text: 'hello' }),
  post('/conversations/dora/messages', { sender: 'user' }),
  post('/conversations/dora/messages', { text: '', sender: 'user' }),
  post('/conversations/dora/messages', undefined, short),
  post('/conversations/dora/messages', '{', {}),
  post('/conversations/dora/messages', []),
  post('/conversations/dora/predict', undefined, short),
  post('/conversations/dora/predict', { anything: 1 }),
  post('/conversations/dora/trigger_intent', { name: 'greet' }, short),
  post(
    '/conversations/dora/trigger_intent?output_channel=latest',
    { name: 'order', entities: { dish: 'pasta' } },
    short,
  ),
  post('/conversations/dora/trigger_intent?output_channel=nosuch&include_events=NONE', { name: 'weather' }),
  post('/conversations/dora/trigger_intent', { name: 'order', entities: [{ entity: 'dish', value: 'pizza' }] }),
  post('/conversations/dora/trigger_intent', { name: 'nosuch' }, short),
  post('/conversations/dora/trigger_intent', {}, short),
  post('/conversations/dora/trigger_intent', undefined, short),
  post('/conversations/dora/trigger_intent', []),
  post('/conversations/new-one/trigger_intent', { name: 'greet' }),
  post('/conversations/dora/execute', { name: 'utter_greet' }, short),
  post('/conversations/dora/execute', { name: 'utter_bye', policy: 'by hand', confidence: 0.5 }),
  post('/conversations/dora/execute?include_events=ALL', { name: 'action_listen' }),
  post('/conversations/dora/execute', { name: 'nosuch' }, short),
  post('/conversations/dora/execute', {}),
  post('/conversations/dora/execute', 'null'),
  get('/conversations/dora/tracker?include_events=ALL', short),
  get('/conversations/dora/story', short),
];

const models: Step[] = [
  post('/model/predict', [user('hello', 'greet')], short),
  post('/model/predict?include_events=NONE', [
    user('hello', 'greet'),
    { event: 'action', name: 'utter_greet' },
    user('bye', 'bye'),
  ]),
  post('/model/predict', []),
  post('/model/predict', { event: 'restart' }),
  post('/model/predict', [{ event: 'nosuch' }], short),
  post('/model/predict', undefined),
  post('/model/predict', '{'),
  post('/model/predict?include_events=nothing', []),
  put('/model', undefined, short),
  put('/model', '{', { differs: 'broken-model-request' }),
  put('/model', {}, short),
  put('/model', { model_file: 'models/no-such-model.tar.gz' }, short),
  put('/model', { model_server: { url: 'http://127.0.0.1:1/' } }, { differs: 'own-shelf' }),
  put('/model', { remote_storage: 'aws' }, { differs: 'own-shelf' }),
  put('/model', { model_file: '{MODEL}' }, short),
  post('/model/train', undefined, short),
  post('/model/train', 'nlu: [', { headers: yaml, differs: 'training-words' }),
  post('/model/test/stories', undefined),
  post('/model/test/intents', undefined),
];

/** What Rasa works on for seconds. */
const tests: Step[] = [
  post(
    '/model/test/stories',
    'version: "3.1"\nstories:\n- story: a\n  steps:\n  - intent: greet\n  - action: utter_greet\n',
    { headers: yaml },
  ),
  post(
    '/model/test/stories?e2e=true',
    'version: "3.1"\nstories:\n- story: a\n  steps:\n  - user: |\n      hello\n    intent: greet\n  - action: utter_greet\n',
    { headers: yaml },
  ),
  post('/model/test/stories', 'stories: [', { headers: yaml }),
  post(
    '/model/test/intents',
    'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hello\n    - hi there\n- intent: bye\n  examples: |\n    - bye\n    - see you\n',
    { headers: yaml },
  ),
  post('/model/test/intents', {
    rasa_nlu_data: {
      common_examples: [
        { text: 'hello', intent: 'greet', entities: [] },
        { text: 'bye', intent: 'bye', entities: [] },
      ],
    },
  }),
  post('/model/test/intents?cross_validation_folds=2', { rasa_nlu_data: { common_examples: [] } }),
  post('/model/test/intents', '{"nothing": 1}'),
  post('/model/test/intents', 'nlu: [', { headers: yaml }),
  post(
    '/model/test/intents?model=no-such-model',
    'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hello\n',
    { headers: yaml, differs: 'test-model' },
  ),
];

const rest: Step[] = [
  get('/webhooks/rest/', { as: 'nobody', ...short }),
  post('/webhooks/rest/webhook', { sender: 'eva', message: 'hello' }, { as: 'nobody', ...short }),
  post('/webhooks/rest/webhook?stream=true', { sender: 'eva', message: 'hello' }, { as: 'nobody', ...short }),
  post(
    '/webhooks/rest/webhook',
    { sender: 'eva', message: 'what is the weather', metadata: { a: 1 } },
    { as: 'nobody' },
  ),
  post('/webhooks/rest/webhook', { sender: 'eva', message: 'hello' }, { as: 'nobody', headers: {} }),
  post('/webhooks/rest/webhook', { message: 'what is the weather' }, { as: 'nobody' }),
  post('/webhooks/rest/webhook', { sender: 'eva' }, { as: 'nobody', differs: 'silent-webhook' }),
  post('/webhooks/rest/webhook', { sender: 'eva', message: '' }, { as: 'nobody', differs: 'silent-webhook' }),
  post('/webhooks/rest/webhook', '{', { as: 'nobody', differs: 'webhook-errors' }),
  post('/webhooks/rest/webhook', undefined, { as: 'nobody', differs: 'webhook-errors' }),
  get('/conversations/eva/tracker?include_events=NONE', { differs: 'hub-metadata' }),
];

const addresses: Step[] = [
  get('/nosuch', { differs: 'unknown-address', ...short }),
  { method: 'PUT', path: '/status', differs: 'unknown-address' },
  { method: 'PATCH', path: '/model', differs: 'unknown-address' },
  {
    method: 'OPTIONS',
    path: '/model/parse',
    headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' },
    differs: 'cors',
  },
  get('/status', { headers: { origin: 'https://a.example' } }),
];

/** At the end: without a model. */
const unloaded: Step[] = [
  { method: 'DELETE', path: '/model', ...short },
  get('/', { as: 'nobody' }),
  get('/status', short),
  get('/domain'),
  post('/model/parse', { text: 'hi' }, short),
  get(`${at}/tracker`, short),
  post(`${at}/trigger_intent`, { name: 'greet' }),
  post('/model/predict', []),
  put('/model', { model_file: '{MODEL}' }, short),
  get('/status', short),
  get(`${at}/tracker`, { differs: 'memory' }),
];

export const steps: Step[] = [
  ...callers,
  ...domain,
  ...parses,
  ...trackers,
  ...events,
  ...ids,
  ...talk,
  ...models,
  ...rest,
  ...addresses,
  ...tests,
  ...unloaded,
];
