import { useSignal } from '@preact/signals';
import { problemIn, type Problem } from '../api/problem.js';
import { AuditList } from '../audit/audit-list.js';
import { PageHead } from '../shell/page-head.js';
import { Button } from '../ui/button.js';
import { Panel } from '../ui/panel.js';
import { Empty, Failure } from '../ui/state.js';
import { hasEarlierAudit, live, readEarlierAudit } from './live.js';

/** What was done to the system, by people, guards and plans, as it happens. */
export function LivePage() {
  const { audit } = live.value;
  return (
    <>
      <PageHead title="Live">Every change, with who made it and why, as it happens.</PageHead>
      <Panel title="Audit" wide>
        {audit.length === 0 ? (
          <Empty icon="live" title="Nothing was done yet">
            Each change of a stage, a flag or a parked key appears here at once.
          </Empty>
        ) : (
          <AuditList entries={audit} />
        )}
        <Earlier />
      </Panel>
    </>
  );
}

function Earlier() {
  const problem = useSignal<Problem | null>(null);
  const read = async (): Promise<void> => {
    try {
      await readEarlierAudit();
      problem.value = null;
    } catch (error) {
      problem.value = problemIn(error);
    }
  };
  return (
    <footer class="panel-foot">
      {problem.value !== null && <Failure problem={problem.value} />}
      {hasEarlierAudit.value ? (
        <Button onClick={() => void read()}>Earlier entries</Button>
      ) : (
        <p class="muted">That is all that is kept.</p>
      )}
    </footer>
  );
}
