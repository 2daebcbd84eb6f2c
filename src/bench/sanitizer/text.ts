import type { Finding, Invocation } from './findings.js';
import type { SanitizeResult } from './sanitize.js';

/** Largest number of findings that a report names. */
const MAX_NAMED = 10;

const who = ({ local, group }: Invocation) => `invocation ${local} of workgroup ${group}`;

const uses = (use: Finding['use']) => (use === 'write' ? 'writes' : use === 'atomic' ? 'accesses' : 'reads');

/** A finding in one sentence, with its lines and names. */
export function findingText(f: Finding): string {
  const { file, line, text, variable, index, by, bounds, other, space } = f;
  if (f.kind === 'out of bounds') {
    const has = bounds ? `; its elements here are ${bounds.first} to ${bounds.end - 1}` : ', which is past its end';
    return `out of bounds: ${file} line ${line}: ${text} ${uses(f.use)} ${variable} at index ${index | 0}${has} (${who(by)})`;
  }
  if (!other) return '';
  const barrier = space === 'workgroup' ? 'a workgroupBarrier()' : 'a storageBarrier()';
  const between =
    by.group === other.by.group
      ? `without ${barrier} between them`
      : 'and no barrier can order two workgroups; split the work into two dispatches, or give each workgroup elements of its own';
  return (
    `race: ${file} line ${line}: ${text} ${uses(f.use)} element ${index} of ${variable} (${who(by)}), and line ${other.line}: ` +
    `${other.text} ${uses(other.use)} it (${who(other.by)}), ${between}`
  );
}

/** The result of the sanitizer: what was found, and what could not be tested. */
export function sanitizeText({ cases, findings, untested, refused }: SanitizeResult): string {
  const lines = [
    findings.length
      ? `SANITIZER: ${findings.length} ${findings.length === 1 ? 'fault' : 'faults'} on ${cases.length} cases`
      : `the sanitizer found no access out of bounds and no race on ${cases.length} cases`,
  ];
  for (const f of findings.slice(0, MAX_NAMED)) lines.push(`  ${findingText(f)}`, `    first seen in ${f.case}`);
  if (findings.length > MAX_NAMED) lines.push(`  and ${findings.length - MAX_NAMED} more`);
  if (untested.length) lines.push('  not tested:', ...untested.map((text) => `    ${text}`));
  for (const reason of new Set(refused.map((r) => r.reason)))
    lines.push(`  refused ${refused.filter((r) => r.reason === reason).length}: ${reason}`);
  return lines.join('\n');
}
