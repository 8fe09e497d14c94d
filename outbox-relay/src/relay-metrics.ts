import { metrics, type Attributes, type Meter, type ObservableResult } from '@opentelemetry/api';
import type { RelayState, SourceRelayStatus } from './source-relay.js';

/** Something whose status can be read at any time, such as a `Relay`. */
export interface HasStatus {
  readonly status: readonly SourceRelayStatus[];
}

const STATES: readonly RelayState['is'][] = ['down', 'standby', 'leading', 'refusing', 'stopped'];

/**
 * Registers the relay's metrics with OpenTelemetry: read from its status when they are collected, so that they cost nothing
 * in between. Without an SDK in the process nothing happens.
 *
 * @param meter default: of the global provider
 */
export function observeRelay(relay: HasStatus, meter: Meter = metrics.getMeter('banyan-relay')): void {
  const each = (read: (status: SourceRelayStatus) => number | undefined) => (result: ObservableResult) => {
    for (const status of relay.status) {
      const value = read(status);
      if (value !== undefined) result.observe(value, attributesOf(status));
    }
  };
  meter
    .createObservableCounter('banyan_relay_published_events', {
      description: 'Events published by this process.',
    })
    .addCallback(each(({ published }) => published));
  meter
    .createObservableCounter('banyan_relay_failures', {
      description: 'Doubts and errors that made it begin anew.',
    })
    .addCallback(each(({ failures }) => failures));
  meter
    .createObservableGauge('banyan_relay_acked_position', {
      description: 'Last acknowledged position while it leads.',
    })
    .addCallback(each(({ ackedN }) => ackedN));
  observeAudits(meter, each);
  meter
    .createObservableGauge('banyan_relay_state', { description: '1 for the state that it is in.' })
    .addCallback((result) => {
      for (const status of relay.status) {
        for (const state of STATES) {
          result.observe(status.state === state ? 1 : 0, { ...attributesOf(status), state });
        }
      }
    });
}

type Each = (read: (status: SourceRelayStatus) => number | undefined) => (result: ObservableResult) => void;

/** Of the last audit that this process made; nothing before the first. */
function observeAudits(meter: Meter, each: Each): void {
  meter
    .createObservableGauge('banyan_relay_audit_time_seconds', {
      description: 'When the last audit ended, in seconds since 1970.',
    })
    .addCallback(each(({ audit }) => (audit === undefined ? undefined : Date.parse(audit.at) / 1000)));
  meter
    .createObservableGauge('banyan_relay_audit_missing_positions', {
      description: 'Positions that the last audit found missing in the stream.',
    })
    .addCallback(each(({ audit }) => audit?.missing));
  meter
    .createObservableGauge('banyan_relay_audit_foreign_messages', {
      description: 'Messages that the last audit found not to be of this history.',
    })
    .addCallback(each(({ audit }) => audit?.foreign));
}

function attributesOf({ source }: SourceRelayStatus): Attributes {
  return { source };
}
