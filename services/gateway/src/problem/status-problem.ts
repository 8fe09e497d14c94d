import { detailsOf } from '@banyan/service-host';
import { status as Code, type ServiceError } from '@grpc/grpc-js';
import { problem, type Problem } from './problem.js';

/** How each gRPC status is told in HTTP, and what its reader can do. */
const STATUS: Record<Code, { status: number; remedy: string }> = {
  [Code.OK]: { status: 500, remedy: 'Report it: a call that succeeded was taken for a failure.' },
  [Code.CANCELLED]: { status: 503, remedy: 'Try again; the call was given up on the way.' },
  [Code.UNKNOWN]: { status: 500, remedy: 'Report it, with the request id.' },
  [Code.INVALID_ARGUMENT]: { status: 400, remedy: 'Correct the fields that are named.' },
  [Code.DEADLINE_EXCEEDED]: {
    status: 504,
    remedy: 'Read what you tried to change before you try again: it may have been done.',
  },
  [Code.NOT_FOUND]: { status: 404, remedy: 'Check the id; lists show what there is.' },
  [Code.ALREADY_EXISTS]: { status: 409, remedy: 'Take what is there.' },
  [Code.PERMISSION_DENIED]: { status: 403, remedy: 'Ask somebody who may.' },
  [Code.RESOURCE_EXHAUSTED]: { status: 429, remedy: 'Try again after a pause.' },
  [Code.FAILED_PRECONDITION]: {
    status: 409,
    remedy: 'Read it again: as it stands, the change is not allowed.',
  },
  [Code.ABORTED]: { status: 409, remedy: 'Another change came in between: try again.' },
  [Code.OUT_OF_RANGE]: { status: 400, remedy: 'Correct the value that is named.' },
  [Code.UNIMPLEMENTED]: { status: 501, remedy: 'The service that runs does not know this call: update it.' },
  [Code.INTERNAL]: { status: 500, remedy: 'Report it, with the error id in the detail.' },
  [Code.UNAVAILABLE]: { status: 503, remedy: 'Try again after a pause; a service is away.' },
  [Code.DATA_LOSS]: { status: 500, remedy: 'Report it, with the request id.' },
  [Code.UNAUTHENTICATED]: { status: 401, remedy: 'Say who you are.' },
};

const CONFLICT = 'VERSION_CONFLICT';

/** Tells the failure of a call as a problem. A version conflict is 412: If-Match named a version that is no more. */
export function statusProblem(error: ServiceError): Problem {
  const { info, badRequest } = detailsOf(error);
  const known = STATUS[error.code];
  const conflict = info?.reason === CONFLICT;
  return problem({
    status: conflict ? 412 : known.status,
    code: info?.reason ?? Code[error.code],
    detail: error.details,
    remedy: conflict ? 'Read it again and decide anew, with its ETag in If-Match.' : known.remedy,
    ...(info === undefined ? {} : { service: info.domain }),
    ...(info === undefined || Object.keys(info.metadata).length === 0 ? {} : { values: info.metadata }),
    ...(badRequest === undefined ? {} : { errors: badRequest.fieldViolations.map(plain) }),
  });
}

const plain = ({ field, description }: { field: string; description: string }) => ({ field, description });
