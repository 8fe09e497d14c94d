import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEdge, type EdgeKind, type ProcessReport } from '@banyan/control';

/** An edge that a playbook may begin with. */
export interface FoundEdge {
  name: string;
  kind: EdgeKind;
}

/** Folders without a service's own protos. */
const PASSED_OVER = new Set(['node_modules', 'dist', 'build', 'target', 'vendor']);

/** Folders below this deep are not looked into. */
const DEEPEST = 8;

/** The edges that running processes report. */
export function edgesOfReports(reports: readonly ProcessReport[]): FoundEdge[] {
  const found = new Map<string, EdgeKind>();
  for (const { edges } of reports) for (const { edge, kind } of edges) found.set(edge, kind);
  return sorted([...found].map(([name, kind]) => ({ name, kind })));
}

/**
 * The calls that a service may make, by the protos in its folder: each method of a service other than itself. Who really
 * calls what is not in a proto, so this is a list to delete from.
 */
export function edgesOfProtos(folder: string, caller: string): FoundEdge[] {
  const found = protoFiles(folder, DEEPEST).flatMap((file) => methodsOf(readFileSync(file, 'utf8')));
  const others = found.filter(({ provider }) => provider !== caller);
  const edges = others.map(({ provider, method, isQuery }): FoundEdge => ({
    name: `${caller} -> ${provider}.${method}`,
    kind: isQuery ? 'query' : 'reaction',
  }));
  return sorted([...new Map(edges.map((edge) => [edge.name, edge])).values()]);
}

function sorted(edges: FoundEdge[]): FoundEdge[] {
  return edges.sort((a, b) => a.name.localeCompare(b.name));
}

function protoFiles(folder: string, depth: number): string[] {
  if (depth === 0) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return entry.name.endsWith('.proto') ? [path] : [];
    const isOurs = entry.isDirectory() && !entry.name.startsWith('.') && !PASSED_OVER.has(entry.name);
    return isOurs ? protoFiles(path, depth - 1) : [];
  });
}

interface Method {
  /** The service's name without `Service`, as edges have it: `projects`, `user-profiles`. */
  provider: string;
  method: string;
  /** It says that it has no side effects, or its name does. */
  isQuery: boolean;
}

const SERVICE = /\bservice\s+([A-Za-z]\w*)\s*\{/g;
// A method's options, in braces, hold none of their own that matter here.
const METHOD =
  /\brpc\s+([A-Za-z]\w*)\s*\(\s*(stream\s+)?[\w.]+\s*\)\s*returns\s*\(\s*(stream\s+)?[\w.]+\s*\)\s*(\{[^}]*\}|;)/g;
const QUERY_NAME = /^(Get|List|Find|Search|Read|Lookup|Check|Count|Has|Is|Batch[Gg]et)(?![a-z])/;

/** Unary methods only: edges know no streams. */
function methodsOf(proto: string): Method[] {
  const text = proto.replaceAll(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, '');
  const services = [...text.matchAll(SERVICE)];
  return services.flatMap((service, index) => {
    const body = text.slice(service.index, services[index + 1]?.index);
    const provider = providerOf(service[1] ?? '');
    return [...body.matchAll(METHOD)].flatMap(([, method = '', streamIn, streamOut, options = '']) => {
      if (streamIn !== undefined || streamOut !== undefined) return [];
      const isQuery = options.includes('NO_SIDE_EFFECTS') || QUERY_NAME.test(method);
      return isEdge(provider, method) ? [{ provider, method, isQuery }] : [];
    });
  });
}

function providerOf(service: string): string {
  const name = service.replace(/Service$/, '') || service;
  return name.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
}

function isEdge(provider: string, method: string): boolean {
  try {
    return parseEdge(`a -> ${provider}.${method}`).method === method;
  } catch {
    return false;
  }
}
