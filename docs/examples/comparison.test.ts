import { StageWatch } from '@banyan/control';
import { temporaryFolder, testNats } from '@banyan/devstack';
import { queryEdge } from '@banyan/edge';
import { TeamsServiceService, type GetTeamResponse } from '@banyan/contracts/teams';
import { expect, it } from 'vitest';
import { bounded, compared } from './comparison.js';

const replica = {
  read: (): Promise<GetTeamResponse | undefined> => Promise.resolve(undefined),
  freshness: () => ({ asOfMs: Date.now() }),
};

it('the rules and bounds of the guide fit the method, and a path that does not is refused', async () => {
  const [nats, folder] = [await testNats(), await temporaryFolder()];
  const stages = new StageWatch({ connection: nats.connection, stateDir: folder.path });
  for (const make of [compared, bounded]) {
    const edge = make(stages, replica);
    expect(edge.stage.running.stage).toBe('call');
    await edge.stop();
  }
  const options = {
    edge: 'projects -> teams.GetTeam',
    method: TeamsServiceService.getTeam,
    replica,
    stages,
    budget: { stalenessMs: 5_000 },
  };
  const compare = { version: ({ team }: GetTeamResponse) => team?.version, ignore: ['team.updatedAt'] };
  expect(() => queryEdge({ ...options, compare })).toThrow('did you mean team.updated_at?');
  await stages.stop();
  await folder.remove();
  await nats.close();
});
