import { ProjectsServiceService, type ProjectsServiceClient } from '@banyan/contracts/projects';
import { shows } from '@banyan/edge/tokens';
import { seenOnCommit, TokenScope } from '@banyan/runtime';
import { unary } from '@banyan/service-host';
import type { Pool, PoolClient } from 'pg';

/** Renames a project and reads it back, by whatever way the read takes. */
export async function renameAndRead(client: ProjectsServiceClient, id: string, name: string) {
  // #region session
  const session = new TokenScope();
  await session.run(() => unary(client.renameProject.bind(client), { id, name, expectedVersion: 0 }));
  const { project } = await session.run(() => unary(client.getProject.bind(client), { id }));
  // #endregion
  return { project, session };
}

// #region transaction
export function inOwnTransaction<T>(pool: Pool, work: (tx: PoolClient) => Promise<T>): Promise<T> {
  return seenOnCommit(async () => {
    const tx = await pool.connect();
    try {
      await tx.query('begin');
      const result = await work(tx);
      await tx.query('commit');
      return result;
    } catch (error) {
      await tx.query('rollback');
      throw error;
    } finally {
      tx.release();
    }
  });
}
// #endregion

// #region shows
/** For `serve({ shows: [projectShown] })`, or `tokenServerInterceptor({ shows: [projectShown] })`. */
export const projectShown = shows(ProjectsServiceService.getProject, 'projects', ({ project }) => [
  project && { key: `project/${project.id}`, version: project.version },
]);
// #endregion
