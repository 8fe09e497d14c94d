import type { DiscoveredCall, Discovery } from './discovery.js';

/**
 * The call graph for Mermaid: `-->` an edge that Banyan knows, `-.->` calls that are no edge yet, `==>` what does not balance.
 */
export function mermaid({ calls, findings }: Discovery): string[] {
  const services = [...new Set(calls.flatMap(({ caller, provider }) => [caller, provider]))].sort();
  const idOf = (service: string): string => `s${services.indexOf(service)}`;
  const arrowOf = (call: DiscoveredCall): string => {
    const isBypassed = findings.some((each) => each.caller === call.caller && each.path === call.path);
    if (isBypassed) return '==>';
    return call.edge === null ? '-.->' : '-->';
  };
  return [
    'graph LR',
    ...services.map((service) => `  ${idOf(service)}["${quoted(service)}"]`),
    ...calls.map((call) => {
      const label = quoted(`${call.method}: ${call.edge?.stage ?? 'no edge'}`);
      return `  ${idOf(call.caller)} ${arrowOf(call)}|"${label}"| ${idOf(call.provider)}`;
    }),
  ];
}

/** Names come off the wire. */
function quoted(text: string): string {
  return text.replaceAll('#', '#35;').replaceAll('"', '#quot;').replaceAll('<', '#lt;');
}
