import { countOf } from '../format/number.js';
import { Ago } from '../ui/ago.js';
import { Badge } from '../ui/badge.js';
import { Panel } from '../ui/panel.js';
import { Empty } from '../ui/state.js';
import type { EdgeOverview, ProcessOverview } from '../wire.js';
import { stageText } from './edge-text.js';

/** The processes that have the edge, and whether each runs its last change. */
export function ProcessTable({ edge: { processes } }: { edge: EdgeOverview }) {
  const inForce = processes.filter((process) => process.inForce).length;
  return (
    <Panel
      title="Processes"
      wide
      aside={
        <span class="muted">
          in force in {inForce} of {countOf(processes.length, 'process', 'processes')}
        </span>
      }
    >
      {processes.length === 0 ? (
        <Empty icon="warning" title="No process reports this edge">
          Its stage stands in the bucket, and holds for the next process that starts.
        </Empty>
      ) : (
        <div class="table-scroll">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Process</th>
                <th scope="col">Runs</th>
                <th scope="col">Stage from</th>
                <th scope="col">State</th>
              </tr>
            </thead>
            <tbody>
              {processes.map((process) => (
                <ProcessLine key={`${process.instance} ${process.side ?? ''}`} process={process} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

const ORIGINS: Readonly<Record<ProcessOverview['origin'], string>> = {
  floor: 'its floor: nothing is known',
  file: 'its own file: the broker was not heard yet',
  store: 'the stage bucket',
  provider: 'another flag provider',
  guard: 'its guard',
};

function ProcessLine({ process }: { process: ProcessOverview }) {
  const { service, instance, pid, side, change, origin } = process;
  return (
    <tr>
      <th scope="row">
        {service} {side !== undefined && <span class="muted">{side}</span>}
        <span class="process-id">
          pid {pid} · <code>{instance}</code>
        </span>
      </th>
      <td data-label="Runs">
        {stageText({ stage: process.stage, ramp: process.ramp ?? null })}{' '}
        <span class="muted">change {change}</span>
      </td>
      <td data-label="Stage from">{ORIGINS[origin]}</td>
      <td data-label="State">
        <ProcessState process={process} />
      </td>
    </tr>
  );
}

function ProcessState({ process: { inForce, held, trip } }: { process: ProcessOverview }) {
  return (
    <>
      {inForce ? (
        <Badge tone="good" icon="check">
          in force
        </Badge>
      ) : (
        <Badge tone="warn" icon="clock">
          not in force
        </Badge>
      )}
      {trip !== undefined && (
        <p class="because">
          <Badge tone="bad" icon="warning">
            guard tripped
          </Badge>{' '}
          {trip.from} → {trip.to}, <Ago at={trip.at} />: {trip.cause}
        </p>
      )}
      {held !== undefined && (
        <p class="because">
          <Badge tone="warn" icon="pause">
            held
          </Badge>{' '}
          against change {held.change ?? 'of unknown number'}: {held.reason}
        </p>
      )}
    </>
  );
}
