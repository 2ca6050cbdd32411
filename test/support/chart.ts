/** Renders the Helm chart with Helm and checks what comes out against Kubernetes' own schemas and the types of the custom kinds. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import ts from 'typescript';
import { parseAllDocuments } from 'yaml';
import { kubernetesVersion, provideTool, type ToolsOptions } from './tools.js';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  // Each kind has a shape of its own; what a test reads of it, it says.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  [part: string]: any;
}
/** `error`: why Helm refused, else null. */
export interface Rendered {
  manifests: Manifest[];
  error: string | null;
}
export interface ChartTools {
  helm: string;
  kubeconform: string;
  schemas: string;
  customKinds: string;
}

/** Custom kinds that the chart may make, and where their types are. Any other kind must have a schema of Kubernetes. */
const customKinds: Record<string, string> = {
  ServiceMonitor: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor',
  PrometheusRule: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule',
  ScaledObject: '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject',
};

export async function provideChartTools(options: ToolsOptions): Promise<ChartTools> {
  const names = ['helm', 'kubeconform', 'schemas', 'customKinds'] as const;
  const found = await Promise.all(names.map(async (name) => [name, await provideTool(name, options)] as const));
  return Object.fromEntries(found) as unknown as ChartTools;
}

export class Chart {
  constructor(
    private readonly folder: string,
    private readonly tools: ChartTools,
  ) {}

  /** `words`: `-f FILE`, `--set NAME=VALUE`, `--is-upgrade` and the like. */
  render(...words: string[]): Rendered {
    const flags = ['--namespace', 'bots', '--kube-version', kubernetesVersion];
    const { status, stdout, stderr } = this.helm('template', 'sb', this.folder, ...flags, ...words);
    if (status !== 0) return { manifests: [], error: stderr };
    const documents = parseAllDocuments(stdout) as { toJSON(): unknown }[];
    const manifests = documents.map((one) => one.toJSON() as Manifest | null).filter((one) => one !== null);
    return { manifests, error: null };
  }

  /** What `helm lint --strict` says, with its exit code. */
  lint(...words: string[]): { status: number | null; text: string } {
    const flags = ['--strict', '--kube-version', kubernetesVersion];
    const { status, stdout, stderr } = this.helm('lint', this.folder, ...flags, ...words);
    return { status, text: stdout + stderr };
  }

  /** A sentence for everything in `manifests` that the kinds do not allow, fields that they do not have among it. */
  faults(manifests: readonly Manifest[]): string[] {
    const isCustom = ({ kind }: Manifest): boolean => kind in customKinds;
    return [
      ...this.kubernetesFaults(manifests.filter((one) => !isCustom(one))),
      ...customFaults(manifests.filter(isCustom), this.tools.customKinds),
    ];
  }

  private kubernetesFaults(manifests: readonly Manifest[]): string[] {
    const schemas = join(this.tools.schemas, '{{.ResourceKind}}{{.KindSuffix}}.json');
    const flags = ['-strict', '-output', 'json', '-schema-location', schemas];
    const input = manifests.map((one) => JSON.stringify(one)).join('\n---\n');
    const { stdout, stderr } = spawnSync(this.tools.kubeconform, flags, {
      input,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    if (stdout === '') throw new Error(`kubeconform: ${stderr}`);
    const { resources } = JSON.parse(stdout) as { resources: { kind: string; name: string; msg: string }[] };
    return resources.map(({ kind, name, msg }) => `${kind} ${name}: ${msg}`);
  }

  private helm(...words: string[]): { status: number | null; stdout: string; stderr: string } {
    // It asks no cluster.
    const env = { ...process.env, KUBECONFIG: '/dev/null' };
    return spawnSync(this.tools.helm, words, { encoding: 'utf8', env, maxBuffer: 2 ** 26 });
  }
}

/** The compiler's complaints about the manifests as literals of their types: an unknown field of a literal is an error, and a missing one. */
function customFaults(manifests: readonly Manifest[], packages: string): string[] {
  if (manifests.length === 0) return [];
  const path = join(packages, '..', 'manifests.ts');
  const text = manifests
    .map((one, i) => {
      const type = `import(${JSON.stringify(customKinds[one.kind])}).I${one.kind}`;
      return `export const one${String(i)}: ${type} = ${JSON.stringify(one)};`;
    })
    .join('\n');
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    target: ts.ScriptTarget.ES2022,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === path || fileExists.call(host, name);
  host.getSourceFile = (name, ...rest) =>
    name === path ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022) : getSourceFile.call(host, name, ...rest);
  const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram([path], options, host));
  return diagnostics.map(({ messageText, start = 0 }) => {
    const { kind, metadata } = manifests[text.slice(0, start).split('\n').length - 1]!;
    return `${kind} ${metadata.name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}
