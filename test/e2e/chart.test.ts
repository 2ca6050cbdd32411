/** The Helm chart: what it makes of values is what Kubernetes takes, and what the hub, its settings and its images really are. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { configOf, exampleEnv } from '../../src/config.js';
import { Chart, type Manifest, provideChartTools } from '../support/chart.js';
import { stagesOf } from '../support/dockerfile.js';
import { newHub, realRasa, type TestHub } from '../support/hub.js';

const folder = 'docker/chart';
const sets: Record<string, string[]> = {
  'the default': [],
  cluster: ['-f', `${folder}/examples/cluster.yaml`],
  everything: ['-f', `${folder}/examples/everything.yaml`],
};
const execute = promisify(execFile);

interface Container {
  name: string;
  image: string;
  command?: string[];
  ports?: { name: string; containerPort: number }[];
  env?: {
    name: string;
    value?: string;
    valueFrom?: { secretKeyRef: { name: string; key: string; optional: boolean } };
  }[];
  securityContext: Record<string, unknown>;
}
interface Pod {
  containers: Container[];
  securityContext: Record<string, unknown>;
  automountServiceAccountToken: boolean;
  enableServiceLinks: boolean;
  [part: string]: unknown;
}
const podOf = ({ kind, spec }: Manifest): Pod | null =>
  kind === 'Pod' ? (spec as Pod) : ((spec as { template?: { spec?: Pod } } | undefined)?.template?.spec ?? null);

describe('The Helm chart', function () {
  this.timeout(15 * 60_000);
  let chart: Chart;
  const rendered: Record<string, Manifest[]> = {};
  const all = (): Manifest[] => Object.values(rendered).flat();
  const pods = (): [owner: string, pod: Pod][] =>
    all().flatMap((one) => {
      const pod = podOf(one);
      return pod ? [[`${one.kind} ${one.metadata.name}`, pod]] : [];
    });
  /** Containers with an image of ours; the action server's is the operator's. */
  const ours = (): Container[] =>
    pods().flatMap(([, { containers }]) => containers.filter(({ name }) => name !== 'actions'));
  const one = (set: string, kind: string, name: string): Manifest => {
    const found = rendered[set]!.find((each) => each.kind === kind && each.metadata.name === name);
    assert.ok(found, `${set} has no ${kind} ${name}`);
    return found;
  };
  const envOf = (manifest: Manifest): Record<string, string | undefined> =>
    Object.fromEntries((podOf(manifest)!.containers[0]!.env ?? []).map(({ name, value }) => [name, value]));

  before(async () => {
    const rasa = realRasa();
    const { cacheDir } = configOf(process.env);
    const say = (line: string): void => void process.stderr.write(`${line}\n`);
    const tools = { cacheDir, env: process.env, python: 'python' in rasa ? rasa.python : 'python3', say };
    chart = new Chart(folder, await provideChartTools(tools));
    for (const [name, words] of Object.entries(sets)) {
      const { manifests, error } = chart.render(...words);
      assert.equal(error, null);
      rendered[name] = manifests;
    }
  });

  it('passes the linter of Helm with every set of values', () => {
    for (const words of Object.values(sets)) {
      const { status, text } = chart.lint(...words);
      assert.equal(status, 0, text);
    }
  });
  it('makes what Kubernetes takes, judged by schemas that know every kind and every field', () => {
    const planted: [kind: string, name: string, change: (manifest: Manifest) => void, fault: RegExp][] = [
      ['Deployment', 'sb-switchboard-trainer', ({ spec }) => (spec.replica = 2), /additional.*replica/i],
      ['StatefulSet', 'sb-switchboard-node', ({ spec }) => delete spec.selector, /selector/],
      ['HorizontalPodAutoscaler', 'sb-switchboard-hub', ({ spec }) => (spec.maxReplicas = 'many'), /maxReplicas/],
      ['NetworkPolicy', 'sb-switchboard-node', (policy) => (policy.kind = 'NetworkPolice'), /could not find schema/],
      ['ServiceMonitor', 'sb-switchboard', ({ spec }) => (spec.endpoints[0].pathh = '/metrics'), /pathh/],
      ['ScaledObject', 'sb-switchboard-trainer', ({ spec }) => delete spec.triggers, /triggers/],
      ['PrometheusRule', 'sb-switchboard', ({ spec }) => (spec.groups[0].rules[0].expression = 'up'), /expression/],
    ];
    const broken = planted.map(([kind, name, change], i) => {
      const manifest = structuredClone(one('everything', kind, name));
      change(manifest);
      manifest.metadata.name = `planted-${String(i)}`;
      return manifest;
    });
    const upgrades = Object.values(sets).flatMap((words) => chart.render('--is-upgrade', ...words).manifests);
    assert.ok(upgrades.length > 40);
    const faults = chart.faults([...all(), ...upgrades, ...broken]);
    for (const [i, [kind, , , fault]] of planted.entries())
      assert.match(faults.find((words) => words.includes(`planted-${String(i)}:`)) ?? '', fault, kind);
    assert.deepEqual(
      faults.filter((words) => !words.includes(' planted-')),
      [],
    );
  });

  it('sets no environment but what the hub, its nodes and trainers read', () => {
    const settings = [...exampleEnv().matchAll(/^#(\w+)=/gm)].map(([, name]) => name!);
    // The operator's own, in examples/everything.yaml; and what REPLICA_URL is made of.
    const known = new Set([...settings, 'AWS_REGION', 'POD_NAME']);
    const set = ours().flatMap(({ env = [] }) => env);
    assert.ok(set.length > 30);
    assert.deepEqual(
      [...new Set(set.map(({ name }) => name))].filter((name) => !known.has(name)),
      [],
    );
  });
  it('gives each role settings that it starts with', () => {
    const hub = envOf(one('everything', 'StatefulSet', 'sb-switchboard-hub'));
    const node = envOf(one('everything', 'StatefulSet', 'sb-switchboard-node'));
    for (const env of [hub, node, envOf(one('everything', 'Deployment', 'sb-switchboard-trainer'))]) configOf(env);
    assert.equal(configOf(node).memoryBudget, 0.75 * 16 * 2 ** 30);
    assert.deepEqual(
      configOf(node).hubUrls,
      [...Array(6).keys()].map((i) => `http://sb-switchboard-hub-${String(i)}.sb-switchboard-hubs:5005`),
    );
    assert.deepEqual(configOf(hub).egressAllow, ['crm.internal:8443', 'sb-switchboard-actions:5055']);
    assert.equal(configOf(hub).publicUrl, 'https://bots.example.com');
    assert.equal(configOf(hub).conversationDays, 90);
    const external = chart.render('--set', 'actionServer.externalUrl=http://actions.internal:5055').manifests;
    assert.equal(envOf(external.find(({ kind }) => kind === 'Deployment')!)['EGRESS_ALLOW'], 'actions.internal:5055');
  });
  it('runs images of the Dockerfile, and a trainer with a GPU on the one that can use it', () => {
    const stages = stagesOf(readFileSync('docker/Dockerfile', 'utf8'));
    const targets = ours()
      .map(({ image }) => /(?:^|\/)switchboard-([\w-]+):/.exec(image)?.[1])
      .filter((target) => target !== undefined);
    assert.deepEqual([...new Set(targets)].sort(), ['hub', 'node', 'standalone', 'trainer', 'trainer-gpu']);
    for (const target of targets) assert.ok(stages.has(target), target);
    const [trainer] = podOf(one('everything', 'Deployment', 'sb-switchboard-trainer'))!.containers;
    assert.equal(trainer!.image, 'registry.example.com/team/switchboard-trainer-gpu:1.2.3');
    const { limits } = (trainer as unknown as { resources: { limits: Record<string, unknown> } }).resources;
    assert.equal(limits['nvidia.com/gpu'], 1);
    assert.equal(
      podOf(one('everything', 'StatefulSet', 'sb-switchboard-node'))!.containers[0]!.image,
      'registry.example.com/team/rasa-with-spacy:7',
    );
  });
  it('runs nothing as root, with capabilities, or with a key to the cluster', () => {
    for (const [owner, pod] of pods()) {
      assert.equal(pod.securityContext['runAsNonRoot'], true, owner);
      assert.equal(pod.automountServiceAccountToken, false, owner);
      assert.equal(pod.enableServiceLinks, false, owner);
      for (const { securityContext } of pod.containers) {
        assert.equal(securityContext['allowPrivilegeEscalation'], false, owner);
        assert.deepEqual(securityContext['capabilities'], { drop: ['ALL'] }, owner);
      }
    }
    for (const { securityContext } of ours()) assert.equal(securityContext['readOnlyRootFilesystem'], true);
  });
  it('keeps secrets in the Secret alone, and names keys that are in it', () => {
    const secret = one('everything', 'Secret', 'sb-switchboard');
    const values = Object.entries(secret['stringData'] as Record<string, string>).filter(([name]) =>
      /TOKEN|URL|KEY/.test(name),
    );
    const others = JSON.stringify(rendered['everything']!.filter((each) => each !== secret));
    for (const [name, value] of values) assert.ok(!others.includes(value), name);
    const asked = rendered['everything']!.flatMap((each) => podOf(each)?.containers ?? [])
      .flatMap(({ env = [] }) => env)
      .flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []);
    for (const { name, key, optional } of asked) {
      assert.equal(name, 'sb-switchboard');
      if (!optional) assert.ok(key in secret['stringData'], key);
    }
    assert.ok(rendered['cluster']!.every(({ kind }) => kind !== 'Secret'));
  });
  it('can be upgraded from one set of values to the next: what Kubernetes never changes stays', () => {
    const fixed = ({ kind, spec }: Manifest): unknown => {
      if (kind === 'Deployment') return spec.selector;
      if (kind !== 'StatefulSet') return null;
      return [spec.selector, spec.serviceName, spec.podManagementPolicy, spec.volumeClaimTemplates];
    };
    const later = chart.render(
      '--is-upgrade',
      ...sets['everything']!,
      '--set',
      'nodes.cache.size=20Gi,nodes.cache.storageClass=',
    ).manifests;
    for (const before of rendered['cluster']!) {
      const after = later.find(({ kind, metadata }) => kind === before.kind && metadata.name === before.metadata.name);
      if (after) assert.deepEqual(fixed(after), fixed(before), before.metadata.name);
      else assert.fail(`${before.kind} ${before.metadata.name} is gone`);
    }
    const hooks = later
      .map(({ metadata }) => metadata.annotations?.['helm.sh/hook'])
      .filter((hook) => hook !== undefined);
    assert.deepEqual([...new Set(hooks)].sort(), ['post-install', 'pre-upgrade', 'test']);
  });
  it('leads each service to a port of pods that there are', () => {
    for (const [set, manifests] of Object.entries(rendered)) {
      const owners = manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
      for (const { metadata, spec } of manifests.filter(({ kind }) => kind === 'Service')) {
        const behind = owners.filter(({ spec: { template } }) =>
          Object.entries(spec.selector as object).every(([key, value]) => template.metadata.labels[key] === value),
        );
        assert.equal(behind.length, 1, `${set} ${metadata.name}`);
        for (const { targetPort } of (spec.ports ?? []) as { targetPort: string }[])
          assert.ok(podOf(behind[0]!)!.containers[0]!.ports!.some(({ name }) => name === targetPort));
      }
    }
  });

  const refusals: [words: string, why: RegExp][] = [
    ['hub.replicas=2', /hub\.replicas.*mode: cluster/],
    ['trainers.scaling.enabled=true', /trainers\.scaling.*mode: cluster/],
    ['mode=cluster', /secrets\.values\.ADMIN_TOKEN is missing/],
    ['mode=cluster,secrets.existing=x', /hub\.modelStorage.*s3:/],
    ['mode=cluster,secrets.existing=x,hub.modelStorage=file:/models', /hub\.modelStorage/],
    [
      'mode=cluster,secrets.existing=x,hub.modelStorage=s3://m,trainers.scaling.enabled=true',
      /trainers\.scaling\.prometheus is missing/,
    ],
    [
      'mode=cluster,secrets.existing=x,hub.modelStorage=s3://m,nodes.resources.limits.memory=8 GB',
      /nodes.*memory.*pattern/s,
    ],
    ['mode=many', /mode.*(single|one of)/s],
    ['hub.replica=2', /additional.*replica/is],
    ['settings.log-level=debug', /settings\.log-level.*LOG_LEVEL/],
    ['settings.ADMIN_TOKEN=0123456789abcdef', /settings\.ADMIN_TOKEN.*secrets\.values/],
    ['secrets.values.ADMIN_TOKEN=tooshort', /secrets\.values\.ADMIN_TOKEN: at least 16/],
    ['actionServer.enabled=true', /actionServer\.image\.repository is missing/],
    ['initialBots[0].url=Shop', /initialBots.*name/s],
    ['observability.serviceMonitor.enabled=true', /METRICS_TOKEN/],
  ];
  it('refuses values that cannot work, and names the value', () => {
    for (const [words, why] of refusals) {
      const { error } = chart.render('--set', words);
      assert.match(error ?? '', why, words);
      assert.ok(!error!.includes('tooshort'));
    }
  });

  describe('beside a hub', () => {
    let hub: TestHub;
    let scratch: string;
    const admin = 'admin-token-of-the-chart';
    const environment = (): Record<string, string> => ({
      HUB_URL: hub.url,
      ADMIN_TOKEN: admin,
      PATH: process.env['PATH']!,
    });
    before(async () => {
      hub = await newHub({ env: { ADMIN_TOKEN: admin } });
      scratch = await mkdtemp(join(tmpdir(), 'sb-chart-'));
    });
    after(async () => {
      await hub.stop();
      await rm(scratch, { recursive: true, force: true });
    });

    it('makes the initial bots, once', async () => {
      const { data } = one('everything', 'ConfigMap', 'sb-switchboard-initial-bots') as unknown as {
        data: Record<string, string>;
      };
      const bots = JSON.parse(data['bots.json']!) as Record<string, unknown>[];
      assert.equal((bots[0]!['initialModel'] as { url: string }).url, 'https://models.example.com/shop.tar.gz');
      const [script, list] = [join(scratch, 'make.mjs'), join(scratch, 'bots.json')];
      await writeFile(script, data['make.mjs']!);
      await writeFile(list, JSON.stringify(bots.map(({ name }) => ({ name }))));
      const run = () => execute(process.execPath, [script, list], { env: environment() });
      const [, appId] = /^Shop was made: (\S+)\n$/.exec((await run()).stdout) ?? [];
      assert.equal((await run()).stdout, 'Shop is there already.\n');
      assert.equal((await hub.api('GET', `/bots/${appId}`)).body.name, 'Shop');
      await writeFile(list, JSON.stringify([{ name: 'Bad', pipeline: 'none' }]));
      await assert.rejects(run(), /422 .*pipeline/);
    });
    it('tests the release by what the hub says of itself', async () => {
      const { command } = podOf(one('everything', 'Pod', 'sb-switchboard-test'))!.containers[0]!;
      const [, ...words] = command!;
      const { stdout } = await execute(process.execPath, words, { env: environment() });
      assert.match(stdout, /ready: .*ok.*store: sqlite/s);
      await assert.rejects(
        execute(process.execPath, words, { env: { ...environment(), ADMIN_TOKEN: 'another-token-than-it-has' } }),
        /401/,
      );
    });
    it('probes and measures what the hub answers, by commands that it has', async () => {
      const { containers } = podOf(one('everything', 'StatefulSet', 'sb-switchboard-hub'))!;
      const probes = containers[0] as unknown as Record<string, { httpGet: { path: string } }>;
      const { endpoints } = one('everything', 'ServiceMonitor', 'sb-switchboard')['spec'] as {
        endpoints: { path: string }[];
      };
      const paths = ['startupProbe', 'livenessProbe', 'readinessProbe'].map((name) => probes[name]!.httpGet.path);
      for (const path of [...paths, endpoints[0]!.path]) assert.equal((await fetch(hub.url + path)).status, 200, path);
      const [trigger] = one('everything', 'ScaledObject', 'sb-switchboard-trainer')['spec'].triggers as {
        metadata: { query: string };
      }[];
      const [metric] = /switchboard_\w+/.exec(trigger!.metadata.query)!;
      assert.match(await (await fetch(`${hub.url}/metrics`)).text(), new RegExp(`^# TYPE ${metric} gauge`, 'm'));
      const [program, ...words] = podOf(one('everything', 'Job', 'sb-switchboard-migration'))!.containers[0]!.command!;
      assert.equal(program, 'node');
      const env = { ...environment(), DATABASE_URL: `sqlite:${join(scratch, 'new.db')}` };
      assert.match(execFileSync(process.execPath, words, { env, encoding: 'utf8' }), /^Schema 0 -> \d+/);
    });
  });

  it('carries the alerts and the dashboard that are shipped', async () => {
    const { spec } = one('everything', 'PrometheusRule', 'sb-switchboard');
    const alerts = await readFile('docker/observability/alerts.yml', 'utf8');
    const names = [...alerts.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    const rules = (
      spec as { groups: { rules: { alert: string; annotations: { summary: string } }[] }[] }
    ).groups.flatMap((group) => group.rules);
    assert.deepEqual(
      rules.map(({ alert }) => alert),
      names,
    );
    assert.match(rules[0]!.annotations.summary, /\{\{ \$labels\.instance \}\}/);
    const board = one('everything', 'ConfigMap', 'sb-switchboard-dashboard') as unknown as {
      data: Record<string, string>;
    };
    assert.equal(board.data['switchboard.json'], await readFile('docker/observability/dashboard.json', 'utf8'));
  });
});
