/**
 * What crosses to API clients and browsers: zod schemas, from which request checks and the OpenAPI document both come.
 * Strict objects: a misspelt field is a fault with its path, not silence.
 */
import { z } from 'zod';

/** Text that people typed: any characters, up to `max`. Lone surrogates are not text and cannot be stored or sent. */
const typed = (max: number) =>
  z
    .string()
    .max(max, `at most ${max} characters`)
    .refine((text) => text.isWellFormed(), 'half of a character pair (a lone surrogate): send whole characters');
const nonBlank = (max: number) => typed(max).refine((text) => text.trim() !== '', 'must not be empty');
/** The value of an Authorization header. */
const authorization = z
  .string()
  .trim()
  .min(1)
  .max(4000)
  .regex(/^[\x20-\x7e]+$/, 'printable ASCII characters, such as "Bearer KEY"')
  .meta({ description: 'with which Authorization header the remote server is called; never shown again' });
const httpUrl = z.url({ protocol: /^https?$/, error: 'an http:// or https:// URL' }).max(2000);

export const Button = z.strictObject({ title: nonBlank(200), payload: nonBlank(2000) }).meta({ id: 'Button' });
const AnswerPart = z
  .strictObject({
    text: nonBlank(20_000).optional(),
    image: httpUrl.optional(),
    buttons: z.array(Button).min(1).max(20).optional(),
  })
  .refine((part) => part.text !== undefined || part.image !== undefined, 'needs a text or an image')
  .meta({ id: 'AnswerPart' });
export const Answer = z
  .union([nonBlank(20_000), AnswerPart, z.array(AnswerPart).min(1).max(10)], {
    error: 'a non-empty text, {text, image, buttons}, or a list of those',
  })
  .meta({ id: 'Answer' });
const language = z.string().regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'a language tag such as en or zh');
export const Pair = z
  .strictObject({
    Q: z
      .array(z.strictObject({ q: nonBlank(8000) }))
      .min(1, 'needs at least one question')
      .max(1000),
    A: Answer,
    language: language.optional().meta({
      description: "what it is asked and answered in; absent: as it was, and of a new pair the bot's own language",
    }),
  })
  .meta({ id: 'Pair', description: 'A topic: the ways people ask, and the answer, which comes back byte for byte.' });
/** The FAQ payload, exactly `[{"Q":[{"q":"…"}],"A":"…"}]`. */
export const FaqBody = z.array(Pair).max(20_000);
export const FaqTrainBody = z.array(Pair).min(1, 'the FAQ is empty: send at least one {Q, A}').max(20_000);
/** As the FAQ payload, but as unfinished as authors have it: that is what a linter is for. */
export const LintBody = z
  .array(
    z.object({
      Q: z.array(z.object({ q: typed(100_000) })).max(1000),
      A: z.unknown(),
      language: z.string().max(100).optional().catch(undefined),
    }),
  )
  .max(20_000)
  .meta({ id: 'LintRequest' });
const LintFinding = z
  .object({
    kind: z.enum([
      'near_duplicate',
      'alike',
      'single_question',
      'empty_answer',
      'no_question',
      'never_reached',
      'other_language',
      'broken_braces',
      'broken_link',
    ]),
    row: z.number(),
    other: z.number().optional().meta({
      description:
        'the other row of a near duplicate, by letters or by meaning (alike), or of an answer that is never reached',
    }),
    detail: z.string(),
    quotes: z.array(z.string()).meta({
      description:
        'what `detail` quotes, in its order and shortened alike: the question, that of the other pair; the braces; the link',
    }),
  })
  .meta({ id: 'LintFinding' });
const whole = z.boolean().meta({ description: 'false: the vectors of some questions are still being made; ask again' });
export const LintView = z.object({ items: z.array(LintFinding), next: z.null(), whole });
export const FindingView = z
  .object({
    severity: z.enum(['error', 'warning']).meta({ description: 'an error would fail the training' }),
    path: z.string().nullable().meta({ description: 'of the file; null: the project as a whole' }),
    line: z.number().nullable(),
    message: z.string(),
  })
  .meta({ id: 'ProjectFinding' });
export const FindingsView = z.array(FindingView).nullable().meta({
  description: "what Rasa's validator says of the project as it is now; null: it could not say in the time of a save",
});
export const FoundView = z
  .object({
    modelId: z.string().nullable().meta({ description: 'null: what a training would take now' }),
    pairs: z
      .array(
        LintFinding.extend({
          pairId: z.string(),
          question: z.string().meta({ description: 'the first of the pair' }),
          otherPairId: z.string().optional(),
          otherQuestion: z.string().optional(),
        }),
      )
      .meta({ description: 'what the linter finds, by row' }),
    notes: z.array(z.string()).meta({ description: 'what a training leaves out or changes, in words' }),
    refused: z.string().nullable().meta({ description: 'why a training would not take these pairs' }),
    project: z.array(FindingView).nullable().meta({
      description: "what Rasa's validator says; null: the bot is not trained from its files, or there is no Rasa",
    }),
    whole,
  })
  .meta({ id: 'Findings' });
export const ProjectImportView = z
  .object({
    files: z.number().meta({ description: 'how many files the project has now' }),
    notes: z.array(z.string()).meta({ description: 'what was left out, moved or not set up, and what to do' }),
    findings: FindingsView,
  })
  .meta({ id: 'ProjectImport' });
export type ProjectImportWire = z.infer<typeof ProjectImportView>;

export const LintPairBody = z
  .strictObject({
    id: z.string().max(200).optional().meta({ description: 'the pair that is edited; absent: a new one' }),
    Q: z.array(z.object({ q: typed(8000) })).max(1000),
    A: z.unknown(),
    language: language.optional(),
  })
  .meta({ id: 'LintPair' });
export const FaqImportView = z
  .object({
    pairs: z.number().meta({ description: 'how many topics came new' }),
    questions: z.number(),
    read: z.string().meta({ description: 'how the table was read: encoding, columns' }),
    notes: z.array(z.string()),
    rows: z.array(
      z.object({
        row: z.number(),
        outcome: z.enum(['topic', 'joined', 'there already']),
        detail: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'FaqImport' });
export const StoredPair = Pair.extend({ id: z.string() }).meta({ id: 'StoredPair' });

const pipeline = z.enum(['semantic', 'classic', 'project']);
const threshold = z.number().min(0).max(1).nullable();
const runtime = z
  .string()
  .max(100)
  .nullable()
  .meta({ description: 'a Rasa installation that RASA_RUNTIMES names; null: the default one' });
const lateAnswers = z
  .enum(['send', 'drop'])
  .meta({ description: 'what becomes of an answer that comes after the user was told that it takes longer' });
const instances = z
  .strictObject({ min: z.number().int().min(0).max(32), max: z.number().int().min(1).max(32) })
  .refine(({ min, max }) => min <= max, { path: ['min'], error: 'at most max' })
  .meta({
    id: 'Instances',
    description: 'Processes that the bot has at least, however idle, and may have at most, when its turns queue up.',
  });
const Component = z.looseObject({ name: nonBlank(200) });
const Options = z
  .strictObject({
    pipeline: z.array(Component).min(1).max(50).optional(),
    policies: z.array(Component).min(1).max(20).optional(),
    fallback: nonBlank(20_000).optional(),
  })
  .meta({
    id: 'BotOptions',
    description:
      "Choices of the author: Rasa components and policies as config.yml has them, in place of the bot's, and what it says when it does not know. They count from the next training on; what is left out is as the pipeline has it.",
  });
const InitialModel = z
  .strictObject({ url: httpUrl, sha256: z.string().regex(/^[0-9a-f]{64}$/, 'a sha256 in lower case hex') })
  .meta({
    id: 'InitialModel',
    description:
      'A Rasa model archive, trained elsewhere, with which the bot answers from the start. Admins only: a model is code.',
  });
export const BotCreate = z
  .strictObject({
    name: nonBlank(200),
    language: language.optional(),
    template: z.string().max(100).optional(),
    pipeline: pipeline.optional(),
    engine: z.enum(['rasa', 'lite', 'remote']).optional(),
    remoteUrl: httpUrl.optional(),
    remoteAuth: authorization.optional(),
    threshold: threshold.optional(),
    runtime: runtime.optional(),
    options: Options.optional(),
    lateAnswers: lateAnswers.optional(),
    initialModel: InitialModel.optional(),
  })
  .refine((bot) => (bot.engine === 'remote') === (bot.remoteUrl !== undefined), {
    path: ['remoteUrl'],
    error: 'goes with engine "remote", and only with it',
  })
  .refine((bot) => bot.engine === 'remote' || bot.remoteAuth === undefined, {
    path: ['remoteAuth'],
    error: 'only for engine "remote"',
  })
  .meta({ id: 'BotCreate' });
export const BotChange = z
  .strictObject({
    name: nonBlank(200),
    language,
    pipeline,
    threshold,
    runtime,
    options: Options,
    remoteUrl: httpUrl,
    remoteAuth: authorization.nullable(),
    lateAnswers,
    instances,
  })
  .partial()
  .meta({ id: 'BotChange' });

const Words = z
  .strictObject({ en: nonBlank(2000).optional(), zh: nonBlank(2000).optional() })
  .refine((words) => words.en !== undefined || words.zh !== undefined, 'needs words in en or zh')
  .transform(({ en, zh }): Record<string, string> => ({ ...(en && { en }), ...(zh && { zh }) }));
const TemplateName = z.string().regex(/^[a-z][a-z0-9-]{0,60}$/, 'lower-case letters, digits and "-", a letter first');
const FileText = z.strictObject({ path: z.string().max(200), content: typed(5_000_000) });
const templateFields = {
  title: Words.optional(),
  description: Words.optional(),
  language: language.optional(),
  pipeline: pipeline.optional(),
  pairs: FaqBody.optional(),
  files: z.array(FileText).max(2000).optional(),
};
export const TemplateChange = z.strictObject(templateFields).meta({ id: 'TemplateChange' });
export const TemplateCreate = z
  .strictObject({ name: TemplateName, fromBot: z.string().max(100).optional(), ...templateFields })
  .refine(({ fromBot, pairs, files }) => fromBot === undefined || (pairs === undefined && files === undefined), {
    path: ['fromBot'],
    error: 'brings its own pairs and files: leave those out',
  })
  .meta({ id: 'TemplateCreate' });
const templateShown = {
  name: z.string(),
  title: z.record(z.string(), z.string()),
  description: z.record(z.string(), z.string()),
  language: z.string(),
  pipeline,
  shipped: z.boolean().meta({ description: 'a part of the hub, which nobody changes' }),
};
export const TemplateView = z
  .object({ ...templateShown, pairs: z.number(), files: z.number() })
  .meta({ id: 'Template', description: 'With how many pairs and project files its bots start.' });
export const TemplateFull = z
  .object({ ...templateShown, pairs: FaqBody, files: z.array(FileText) })
  .meta({ id: 'TemplateFull' });

export const JobView = z
  .object({
    jobId: z.string(),
    appId: z.string(),
    state: z.enum(['queued', 'running', 'evaluating', 'done', 'failed', 'cancelled', 'superseded']),
    percent: z.number(),
    stage: z.string(),
    eta: z.number().nullable().meta({ description: 'seconds left by the present pace' }),
    error: z.object({ code: z.string(), message: z.string(), detail: z.string().optional() }).nullable(),
    modelId: z.string().nullable(),
    position: z.number().nullable().meta({ description: 'place among the waiting jobs; 1 is next' }),
    startsIn: z
      .number()
      .nullable()
      .meta({ description: 'seconds until it is taken, by how long trainings took of late' }),
    attempts: z.number(),
    trainer: z.string().nullable().meta({ description: 'who has it, or had it last' }),
    device: z.string().nullable().meta({ description: 'on what it computes, with the reason where that is not a GPU' }),
    by: z.string().nullable().meta({ description: 'who asked for it' }),
    createdAt: z.string(),
    startedAt: z.string().nullable(),
    endedAt: z.string().nullable(),
  })
  .meta({ id: 'Job' });
export const TrainerView = z
  .object({
    id: z.string(),
    name: z.string(),
    labels: z.array(z.string()),
    cores: z.number(),
    memory: z.object({ total: z.number(), free: z.number() }),
    gpus: z.array(z.string()),
    device: z
      .string()
      .meta({ description: 'on what trainings compute there, with the reason where that is not a GPU' }),
    parallel: z.number().meta({ description: 'trainings at once' }),
    holding: z.string().nullable().meta({ description: 'why it takes no job at present' }),
    jobs: z.array(z.object({ jobId: z.string(), appId: z.string() })),
  })
  .meta({ id: 'Trainer' });
export const BotView = z
  .object({
    appId: z.string(),
    name: z.string(),
    language: z.string(),
    template: z.string(),
    pipeline,
    threshold,
    engine: z.enum(['rasa', 'lite', 'remote']),
    remoteUrl: z.string().nullable(),
    remoteAuth: z.boolean().meta({ description: 'is the remote server called with an Authorization header?' }),
    lateAnswers,
    runtime: z.string().nullable(),
    options: Options,
    instances,
    state: z.enum(['asleep', 'waking', 'awake', 'draining', 'quarantined']),
    reason: z.string().nullable().meta({ description: 'why it is quarantined, or what its wake waits for' }),
    pids: z.array(z.number()).meta({ description: 'its processes, oldest first' }),
    memory: z.number().nullable().meta({ description: 'bytes that are its own; null while asleep' }),
    engineInUse: z
      .enum(['rasa', 'lite', 'remote'])
      .nullable()
      .meta({ description: 'what answers now; null while asleep' }),
    activeModel: z.string().nullable(),
    trainingJob: JobView.nullable(),
    chatUrl: z.string(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: 'Bot' });
export const LogLineView = z
  .object({
    number: z.number(),
    source: z
      .enum(['bot', 'hub'])
      .meta({ description: "the bot's process wrote it, or the hub did something with it" }),
    pid: z.number().nullable(),
    at: z.string().nullable().meta({ description: "null for the process's lines, which carry their own time" }),
    line: z.string(),
  })
  .meta({ id: 'LogLine' });
export const PoolView = z
  .object({
    budget: z.number(),
    used: z.number(),
    shared: z.number().meta({ description: 'what engines hold for all bots together; part of used' }),
    states: z.record(z.string(), z.number()),
    waiting: z.number().meta({ description: 'wakes that wait' }),
    waitsFor: z.string().nullable(),
  })
  .meta({ id: 'Pool', description: 'Memory of awake bots, in bytes.' });
export const NodeView = z
  .object({
    id: z.string(),
    address: z.string().meta({ description: 'as the request log has it' }),
    local: z.boolean().meta({ description: 'the hub itself' }),
    state: z.enum(['ready', 'draining']),
    from: z.string().nullable().meta({ description: 'the address that it calls from; null: the hub itself' }),
    version: z.string(),
    rasa: z.string().nullable().meta({ description: 'version of its Rasa; null: none, or the hub itself' }),
    runtimes: z.array(z.string()).meta({ description: 'named Rasa installations beside the default one' }),
    cores: z.number(),
    gpus: z.array(z.string()),
    scope: z.string().nullable().meta({ description: 'the bots that its token is for; null: all' }),
    usage: PoolView.nullable().meta({ description: 'what its bots use, sizes in bytes; null: not told yet' }),
    outstanding: z.number().meta({ description: 'turns and the like that this hub has it do now' }),
    since: z.string().nullable(),
  })
  .meta({ id: 'Node' });
export const NodeDrain = z.strictObject({ on: z.boolean() });
export const ModelView = z
  .object({
    modelId: z.string(),
    appId: z.string(),
    jobId: z.string(),
    active: z.boolean(),
    engine: z.enum(['rasa', 'lite', 'remote']),
    pipeline,
    bytes: z.number(),
    trainSeconds: z.number(),
    createdAt: z.string(),
    by: z.string().nullable().meta({ description: 'who asked for it' }),
    rasa: z
      .string()
      .nullable()
      .meta({ description: 'the version of Rasa that trained it, or the installation by name' }),
    label: z.string().nullable().meta({ description: 'what its author calls it; such a model is kept' }),
    scores: z.record(z.string(), z.unknown()).nullable().meta({ description: 'of its newest test by POST evaluate' }),
    gate: z
      .enum(['promoted', 'held', 'refused'])
      .optional()
      .meta({ description: "what the bot's gate said of it; absent: it was not asked" }),
  })
  .meta({ id: 'Model' });
export const ModelChange = z.strictObject({ label: nonBlank(200).nullable() }).meta({ id: 'ModelChange' });
const PairOf = z.object({ id: z.string(), questions: z.array(z.string()), answer: Answer });
export const VersionDiff = z
  .object({
    settings: z
      .record(z.string(), z.object({ from: z.unknown(), to: z.unknown() }))
      .meta({ description: "the bot's settings that differ" }),
    pairs: z.object({
      added: z.array(PairOf),
      removed: z.array(PairOf),
      changed: z.array(z.object({ id: z.string(), from: PairOf, to: PairOf })),
    }),
    files: z.object({
      added: z.array(z.string()),
      removed: z.array(z.string()),
      changed: z.array(
        z.object({ path: z.string(), removed: z.array(z.string()), added: z.array(z.string()) }).meta({
          id: 'FileDiff',
          description: 'Lines that only one of the two has.',
        }),
      ),
    }),
    answers: z
      .object({
        asked: z.number(),
        changed: z.array(z.object({ question: z.string(), from: z.string().nullable(), to: z.string().nullable() })),
      })
      .nullable()
      .meta({
        description:
          'with answers=true: what the two models answer otherwise to the questions of both; null: not asked',
      }),
  })
  .meta({ id: 'VersionDiff' });
export const ParseBody = z
  .strictObject({
    text: typed(8000),
    language: language
      .optional()
      .meta({ description: "by which of the bot's models; that of its own language when absent" }),
  })
  .meta({ id: 'ParseRequest' });
export const ParseView = z
  .looseObject({
    text: z.string(),
    intent: z.looseObject({ name: z.string().nullable(), confidence: z.number() }),
    entities: z.array(z.unknown()),
  })
  .meta({
    id: 'Parse',
    description: "Rasa's parse object; intent.name is nlu_fallback when the bot admits not knowing.",
  });
export const TryBody = z
  .strictObject({
    texts: z
      .array(nonBlank(8000))
      .min(1)
      .max(50)
      .meta({ description: 'all that the person said so far, the newest last: nothing is kept between two calls' }),
    language: language.optional(),
  })
  .meta({ id: 'TryRequest' });
/** A query of which the connector makes sense. */
export const QueryOfAny = z.record(z.string(), z.union([z.string(), z.array(z.string())]).optional());
export const MessageBody = z
  .strictObject({
    sender: nonBlank(255),
    message: nonBlank(8000),
    metadata: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'MessageRequest' });
export const BotMessageView = z
  .object({
    recipient_id: z.string(),
    text: z.string().optional(),
    image: z.string().optional(),
    buttons: z.array(z.object({ title: z.string(), payload: z.string() })).optional(),
    attachment: z.unknown().optional(),
    custom: z.unknown().optional(),
    metadata: z
      .object({
        engine: z.enum(['rasa', 'lite', 'remote']).optional(),
        agent: z.string().optional(),
        at: z.string().optional(),
        key: z.string().optional(),
      })
      .optional()
      .meta({ description: 'which engine answered, or which person did, and when' }),
  })
  .meta({ id: 'BotMessage' });
export const TryView = z
  .object({
    messages: z.array(BotMessageView),
    parse: ParseView,
    engine: z.enum(['rasa', 'lite', 'remote']),
    ms: z.number().meta({ description: 'from the last text to its answer, without the start of the process' }),
  })
  .meta({ id: 'Try' });

export const DeadLetterView = z
  .object({
    id: z.string(),
    kind: z
      .enum(['turn', 'reply'])
      .meta({ description: 'the bot failed on the message, or the platform on its reply' }),
    appId: z.string(),
    channel: z.string(),
    conversation: z.string(),
    messageId: z.string(),
    text: z.string().meta({ description: 'what the user wrote' }),
    reply: BotMessageView.nullable(),
    part: z.number().nullable().meta({ description: 'place of the reply among the replies to the message' }),
    error: z.string(),
    attempts: z.number(),
    maybeSent: z.boolean().meta({ description: 'the platform may have the reply all the same' }),
    at: z.string(),
  })
  .meta({ id: 'DeadLetter' });

export const ChannelView = z
  .object({
    name: z.string(),
    on: z.boolean().meta({ description: 'it takes messages and sends answers' }),
    reason: z.string().nullable().meta({ description: 'why it is off, and what to do' }),
    settings: z.record(z.string(), z.unknown()),
    secrets: z.record(z.string(), z.boolean()).meta({ description: 'which secrets are set; they are never shown' }),
    webhookUrl: z.string().meta({ description: 'where the platform calls' }),
    lastEventAt: z.string().nullable(),
    lastErrorAt: z.string().nullable(),
    lastError: z.string().nullable(),
  })
  .meta({ id: 'Channel' });
export const ChannelCheckView = z.object({ ok: z.boolean(), detail: z.string() }).meta({ id: 'ChannelCheck' });

const when = z.iso
  .datetime({ offset: true, error: 'a time such as 2026-01-31T12:00:00Z' })
  .transform((text) => new Date(text).toISOString());
const chance = z.coerce.number().min(0).max(1);
const review = z.enum(['unread', 'reviewed', 'saved_for_later']);
const agentName = nonBlank(200).optional().meta({ description: 'the person who does it; "agent" when absent' });
const tags = z.array(nonBlank(100)).max(50);
export const CareView = z
  .object({
    state: z
      .enum(['bot', 'waiting', 'held'])
      .meta({ description: 'who answers: the bot; nobody yet, the person waits for a colleague; a colleague' }),
    since: z.string().nullable(),
    returnAt: z.string().nullable().meta({ description: 'when the bot takes it back by itself' }),
    agent: z.string().nullable().meta({ description: 'who holds it' }),
    assignee: z.string().nullable(),
    review,
    tags: z.array(z.string()),
    notes: z.array(z.object({ at: z.string(), by: z.string(), text: z.string() })),
  })
  .meta({ id: 'Care', description: 'What people do about a conversation.' });
export const ConversationView = z
  .object({
    id: z.string(),
    channel: z.string(),
    messages: z.number(),
    firstAt: z.string(),
    lastAt: z.string(),
    care: CareView,
    preview: z.object({ text: z.string(), reply: z.string().nullable() }).nullable().optional().meta({
      description: 'the newest message and the last words of its answer, shortened; where ?preview=true asks for it',
    }),
  })
  .meta({ id: 'Conversation' });
export const WaitingView = ConversationView.extend({ appId: z.string() }).meta({ id: 'WaitingConversation' });
export const SaidView = z
  .looseObject({
    id: z.string(),
    channel: z.string(),
    state: z.enum(['received', 'answered', 'failed']),
    text: z.string(),
    replies: z.array(BotMessageView),
    intent: z.string().nullable(),
    confidence: z.number().nullable(),
    turn: z
      .object({
        entities: z.array(z.unknown()).optional(),
        language: z.string().optional().meta({ description: 'of the conversation, where the bot has several' }),
        slots: z.record(z.string(), z.unknown()).optional().meta({ description: 'that the turn changed' }),
        actions: z.array(z.string()).optional(),
        model: z.string().optional().meta({ description: 'id of the model that answered' }),
        node: z.string().optional().meta({ description: 'that answered; absent: the hub itself' }),
        agent: z.string().optional().meta({ description: 'who held the conversation; empty while nobody had come' }),
        trace: z.string().optional().meta({ description: 'id of its trace (W3C), as in the log and the request log' }),
      })
      .optional(),
    receivedAt: z.string(),
  })
  .meta({ id: 'Said', description: 'A message with what was understood, what the bot did, and what was answered.' });
export const RequestView = z
  .object({
    kind: z.enum(['message', 'parse']),
    appId: z.string(),
    channel: z.string(),
    conversation: z.string().nullable(),
    node: z.string().nullable().meta({ description: 'address of the node that answered; null: the hub itself' }),
    status: z.enum(['received', 'answered', 'failed']),
    ms: z.number().nullable(),
    at: z.string(),
    trace: z
      .string()
      .nullable()
      .meta({ description: 'id of its trace; null for a parse, and while it is not answered' }),
  })
  .meta({ id: 'Request' });
export const TakeoverBody = z
  .strictObject({
    agent: agentName,
    force: z.boolean().optional().meta({ description: 'also when another person holds it' }),
    minutes: z
      .number()
      .min(1)
      .max(10_080)
      .optional()
      .meta({ description: "until the bot takes it back; the desk's returnMinutes when absent" }),
  })
  .meta({ id: 'Takeover' });
export const ReleaseBody = z
  .strictObject({
    slots: z
      .record(nonBlank(200), z.unknown())
      .optional()
      .meta({ description: 'what the bot shall know, by the names of its slots' }),
  })
  .meta({ id: 'Release' });
export const AgentReply = z
  .strictObject({
    text: nonBlank(20_000).optional(),
    image: httpUrl.optional(),
    buttons: z.array(Button).max(20).optional(),
    agent: agentName,
  })
  .refine(({ text, image }) => text !== undefined || image !== undefined, {
    path: ['text'],
    error: 'needs text or image',
  })
  .meta({ id: 'AgentReply' });
export const ReviewBody = z.strictObject({ review }).meta({ id: 'Review' });
export const TagsBody = z.strictObject({ tags }).meta({ id: 'Tags' });
export const AssigneeBody = z.strictObject({ assignee: nonBlank(200).nullable() }).meta({ id: 'Assignee' });
export const NoteBody = z.strictObject({ text: nonBlank(5000), agent: agentName }).meta({ id: 'Note' });
const minutes = z.number().min(1).max(10_080);
export const RetentionBody = z
  .strictObject({
    days: z
      .number()
      .int()
      .min(2)
      .max(36_500)
      .nullable()
      .meta({ description: 'how long messages are kept; null: as long as the hub keeps them (CONVERSATION_DAYS)' }),
  })
  .meta({ id: 'Retention' });
export const DeskBody = z
  .strictObject({
    waitMinutes: minutes
      .default(15)
      .meta({ description: 'how long a person waits for a colleague; then the bot goes on' }),
    returnMinutes: minutes
      .default(30)
      .meta({ description: 'how long after the last words of a colleague the bot goes on' }),
    canned: z
      .array(z.strictObject({ title: nonBlank(200), text: nonBlank(20_000) }))
      .max(500)
      .default([])
      .meta({ description: 'answers that colleagues have at hand' }),
  })
  .meta({ id: 'Desk' });

export const MissesQuery = z.object({
  from: when.optional().meta({ description: 'since when; a month ago when absent' }),
});
export const MissView = z
  .object({
    clusterId: z.string(),
    question: z.string().meta({ description: 'the text that is most like the others' }),
    people: z.number().meta({ description: 'conversations in which it was asked' }),
    turns: z.number(),
    reasons: z.record(z.string(), z.number()).meta({
      description:
        'how often the bot said it does not know (fallback), was little sure (unsure), got a thumb down (disliked), or was asked nearly the same right after (again)',
    }),
    texts: z.array(z.object({ text: z.string(), times: z.number() })),
    conversations: z.array(z.string()),
    firstAt: z.string(),
    lastAt: z.string(),
    nearest: z
      .object({ pairId: z.string(), question: z.string(), similarity: z.number() })
      .nullable()
      .meta({ description: 'the question of the present FAQ that is most like it' }),
  })
  .meta({ id: 'Miss', description: 'Turns that asked the same in vain.' });
export const MissReportView = z
  .object({
    clusterId: z.string(),
    pairId: z.string(),
    state: z.enum(['given', 'waiting', 'training', 'asking', 'done', 'failed', 'interrupted']),
    jobId: z.string().nullable(),
    at: z.string(),
    turns: z.number().meta({ description: 'turns that were missed, and how they are answered when asked again' }),
    answered: z.number().meta({ description: 'by the pair' }),
    elsewhere: z.number().meta({ description: 'by another one' }),
    unanswered: z.number(),
    error: z.string().nullable(),
  })
  .meta({ id: 'MissReport', description: 'What became of an answer to misses.' });
export const MissesView = z
  .object({
    items: z.array(MissView),
    next: z.null(),
    looked: z
      .object({ from: z.string(), turns: z.number(), missed: z.number(), whole: z.boolean() })
      .meta({ description: 'what was looked at; whole: all of it' }),
    reports: z.array(MissReportView).meta({ description: 'what became of answers, newest first' }),
  })
  .meta({ id: 'Misses' });
export const MissAnswerBody = z
  .strictObject({
    answer: Answer.optional().meta({ description: 'makes a new pair' }),
    pairId: z.string().max(200).optional().meta({ description: 'adds the questions to this pair' }),
    questions: z
      .array(nonBlank(8000))
      .min(1)
      .max(100)
      .optional()
      .meta({ description: 'those of the pair; the most central texts of the cluster when absent' }),
    train: z.boolean().default(true).meta({ description: 'train soon, together with other answers, and ask again' }),
  })
  .refine(({ answer, pairId }) => (answer === undefined) !== (pairId === undefined), {
    path: ['answer'],
    error: 'needs either an answer, for a new pair, or the pairId of a pair that answers it',
  })
  .meta({ id: 'MissAnswer' });

const percent = z.number().min(0).max(100);
export const GateBody = z
  .strictObject({
    closed: z
      .boolean()
      .default(false)
      .meta({ description: 'a new model rehearses before it goes live; false: it goes live as soon as it is trained' }),
    conversations: z
      .number()
      .int()
      .min(0)
      .max(500)
      .default(30)
      .meta({ description: 'how many of the newest conversations are replayed' }),
    maxChangedPercent: percent
      .nullable()
      .default(20)
      .meta({ description: 'more changed answers hold the model for a person; null: however many' }),
    minScore: chance
      .nullable()
      .default(null)
      .meta({ description: 'a lower share of right answers to the questions of the tests refuses it; null: whatever' }),
    rollBack: z
      .strictObject({
        errorPercent: percent,
        turns: z.number().int().min(1).max(100_000).default(50),
        minutes: z.number().min(1).max(10_080).default(60),
      })
      .nullable()
      .default(null)
      .meta({
        description:
          'goes back to the model before when, within so many minutes and after so many turns, more of them failed or were not understood',
      }),
  })
  .meta({
    id: 'Gate',
    description: 'Tests that fail and a low score refuse a model, many changes hold it for a person.',
  });
export const TestsBody = z
  .strictObject({
    conversations: z
      .array(
        z.strictObject({
          name: nonBlank(200),
          steps: z
            .array(
              z
                .strictObject({
                  user: nonBlank(8000),
                  payload: z.boolean().optional().meta({ description: 'the user presses a button with this payload' }),
                  bot: z.array(typed(20_000)).max(50).optional().meta({ description: 'all that the bot is to say' }),
                  intent: nonBlank(500)
                    .optional()
                    .meta({ description: 'what it is to understand: an intent, or a pairId' }),
                })
                .meta({ id: 'TestStep' }),
            )
            .min(1)
            .max(100),
        }),
      )
      .max(500)
      .default([]),
    questions: z
      .array(z.strictObject({ text: nonBlank(8000), intent: nonBlank(500) }))
      .max(5000)
      .default([])
      .meta({ description: 'questions that the bot is not taught, with the intent or the pairId that answers each' }),
  })
  .meta({ id: 'Tests' });
export const TestFrom = z
  .strictObject({ conversation: nonBlank(500), name: nonBlank(200).optional() })
  .meta({ id: 'TestFrom' });
const TestFailure = z
  .object({ name: z.string(), step: z.number(), user: z.string(), expected: z.string(), got: z.string() })
  .meta({ id: 'TestFailure' });
const Score = z
  .object({
    asked: z.number(),
    right: z.number(),
    confusions: z.array(
      z.object({ expected: z.string(), got: z.string(), times: z.number(), examples: z.array(z.string()) }),
    ),
  })
  .nullable()
  .meta({ id: 'Score', description: 'On the questions of the tests, with which topic was taken for which.' });
export const TestRunView = z
  .object({ modelId: z.string(), failed: z.array(TestFailure), score: Score })
  .meta({ id: 'TestRun' });
export const GateReportView = z
  .object({
    modelId: z.string(),
    against: z.string().nullable().meta({ description: 'the model that it was compared with' }),
    at: z.string(),
    verdict: z.enum(['promoted', 'held', 'refused']),
    reasons: z.array(z.string()),
    tests: z.object({ total: z.number(), failed: z.array(TestFailure) }),
    score: Score,
    replay: z.object({
      conversations: z.number(),
      turns: z.number(),
      changed: z.number(),
      changes: z.array(
        z.object({
          conversation: z.string(),
          number: z.number(),
          text: z.string(),
          from: z.string(),
          to: z.string(),
        }),
      ),
    }),
    rolledBack: z.string().nullable().meta({ description: 'why the bot went back from it by itself' }),
  })
  .meta({ id: 'GateReport' });

const day = z.iso.date({ error: 'a day such as 2026-01-31' });
export const AnalyticsQuery = z.object({
  from: day.optional().meta({ description: 'the first day (UTC); 29 days before "to" when absent' }),
  to: day.optional().meta({ description: 'the last day (UTC); today when absent' }),
  channel: z.string().max(50).optional(),
  version: z.string().max(100).optional().meta({ description: 'a modelId' }),
  format: z.enum(['json', 'csv']).optional(),
});
const figures = {
  messages: z.number(),
  answered: z.number(),
  failed: z.number(),
  fallback: z.number().meta({ description: 'answers that were none: the bot said that it does not know' }),
  fallbackRate: z.number().nullable(),
  handovers: z.number().meta({ description: 'the bot called for a person' }),
  held: z.number().meta({ description: 'said while a colleague held the conversation' }),
  ms: z
    .object({ mean: z.number().nullable(), p50: z.number().nullable(), p95: z.number().nullable() })
    .meta({ description: 'time to answer; within which half and 95 of 100 were answered, rounded up to steps' }),
};
export const AnalyticsView = z
  .object({
    from: z.string(),
    to: z.string(),
    upTo: z.string().meta({ description: 'until when the log has been counted; empty: not yet' }),
    totals: z.object(figures),
    days: z.array(z.object({ day: z.string(), people: z.number(), ...figures })),
    channels: z.array(z.object({ channel: z.string(), ...figures })),
    versions: z.array(z.object({ version: z.string(), ...figures })),
    intents: z.array(z.object({ intent: z.string(), count: z.number() })),
  })
  .meta({ id: 'Analytics' });

/** `cursor` is opaque: take it from `next`. */
export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().max(500).optional(),
});
const yes = z.enum(['true', 'false']).transform((word) => word === 'true');
export const SaidQuery = PageQuery.extend({
  newest: z.coerce
    .number()
    .int()
    .min(1)
    .max(2000)
    .optional()
    .meta({ description: 'the newest so many, in place of a page; `next` is null' }),
});
export const ConversationQuery = PageQuery.extend({
  channel: z.string().max(50).optional(),
  from: when.optional().meta({ description: 'the last activity was not before' }),
  to: when.optional().meta({ description: 'the last activity was not after' }),
  intent: z.string().max(500).optional(),
  minConfidence: chance.optional(),
  maxConfidence: chance.optional(),
  text: z.string().min(1).max(500).optional().meta({ description: 'a part of what was said by either side' }),
  review: review.optional(),
  tag: z.string().max(100).optional(),
  agent: z.string().max(200).optional().meta({ description: 'who holds it' }),
  waiting: yes.optional(),
  preview: yes.optional().meta({ description: 'with the newest words of each' }),
});
export const RequestQuery = PageQuery.extend({
  appId: z.string().max(100).optional(),
  channel: z.string().max(50).optional(),
  node: z.string().max(300).optional(),
  status: z.enum(['received', 'answered', 'failed']).optional(),
  trace: z
    .string()
    .regex(/^[0-9a-f]{32}$/, 'a trace id: 32 hex digits in lower case')
    .optional(),
  from: when.optional(),
  to: when.optional(),
});
export const listOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().nullable() });
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    code: z.string(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details; `code` is stable.' });

export type PairWire = z.infer<typeof Pair>;
export type JobWire = z.infer<typeof JobView>;
export type BotWire = z.infer<typeof BotView>;
export type ModelWire = z.infer<typeof ModelView>;
export type ParseWire = z.infer<typeof ParseView>;
export type BotMessageWire = z.infer<typeof BotMessageView>;
export type LogLineWire = z.infer<typeof LogLineView>;
export type ProblemWire = z.infer<typeof Problem>;
