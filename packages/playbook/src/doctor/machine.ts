import { existsSync, readFileSync } from 'node:fs';
import { messageOf } from '@banyan/runtime';
import { nearestStackFile } from '../find-nats.js';
import { Findings, type Finding } from './finding.js';

/** The oldest Node that Banyan runs on. */
const OLDEST_NODE = [20, 19] as const;

export interface MachineQuestion {
  /** As `process.versions.node` has it. */
  node: string;
  /** Where the search for `.banyan/dev.json` begins. */
  folder: string;
}

/** This machine: Node, and the development stack's file if there is one. */
export function examineMachine({ node, folder }: MachineQuestion): Finding[] {
  const findings = new Findings('machine');
  examineNode(node, findings);
  examineStackFile(nearestStackFile(folder), findings);
  return findings.all;
}

function examineNode(version: string, findings: Findings): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  const isRecent = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  if (isRecent) findings.ok('Node', version);
  else findings.fail('Node', version, `Use Node ${OLDEST_NODE.join('.')} or later.`);
}

function examineStackFile(file: string | undefined, findings: Findings): void {
  if (file === undefined) return;
  try {
    const { processes = {} } = JSON.parse(readFileSync(file, 'utf8')) as {
      processes?: Record<string, number>;
    };
    const gone = Object.entries(processes).filter(([, pid]) => !isRunning(pid));
    if (gone.length === 0) findings.ok('development stack', file);
    else {
      const names = gone.map(([name]) => name).join(', ');
      const remedy = 'Start it again with `npm run dev`, or remove the file if the stack is gone for good.';
      findings.warn('development stack', `${file}: not running: ${names}`, remedy);
    }
  } catch (error) {
    findings.warn('development stack', `${file}: ${messageOf(error)}`, 'Start it again with `npm run dev`.');
  }
}

/** Signal 0 only asks. A process of another user may not be asked, but is there. */
function isRunning(pid: number): boolean {
  if (existsSync(`/proc/${pid}`)) return true;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
