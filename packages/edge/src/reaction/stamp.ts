import { isStageOf, type EdgeName, type ReactionStage } from '@banyan/control';

/**
 * Event header that says at which stage each reaction edge of the event stood when it was written:
 * `projects.tasks.ArchiveProjectTasks=dual, projects.teams.NoteArchive=event`. Receivers obey it and nothing else, so that
 * caller and receiver cannot disagree about who does the effect, however the stage changes meanwhile.
 */
export const STAGE_HEADER = 'Banyan-Stage';

export interface Stamp {
  edge: EdgeName;
  stage: StampedStage;
}

/** Who is to do the effect. */
export type StampedStage = Exclude<ReactionStage, 'retired'>;

/** At `retired` the subscriber does the effect, as at `event`: what became of the call is the same to it. */
export const stampedStage = (stage: ReactionStage): StampedStage => (stage === 'retired' ? 'event' : stage);

export function encodeStamps(stamps: readonly Stamp[]): string {
  return stamps.map(({ edge, stage }) => `${edge.key}=${stage}`).join(', ');
}

/** The edge's stage as the event says it; undefined: the event knows nothing of the edge, or of such a stage. */
export function stampOf(header: string | undefined, edge: EdgeName): StampedStage | undefined {
  for (const part of (header ?? '').split(',')) {
    const [key, stage] = part.trim().split('=');
    if (key === edge.key) return isStageOf('reaction', stage) ? stampedStage(stage) : undefined;
  }
  return undefined;
}
