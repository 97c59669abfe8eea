import { MmsError } from './errors.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** The command line flag of the port, for the message: `--webhook-port`. */
  readonly flag: string;
}

/** The port is in use, or this process may not open it. */
export class PortUnavailableError extends MmsError {
  readonly code = 'PORT_UNAVAILABLE';
  readonly retryable = false;

  constructor({ host, port, flag }: ListenAddress, cause: NodeJS.ErrnoException) {
    const why =
      cause.code === 'EADDRINUSE'
        ? 'another process uses it'
        : cause.code === 'EACCES'
          ? 'this process may not open ports below 1024'
          : cause.message;
    super(`cannot listen on ${host}:${port}: ${why}; choose another port with ${flag}`, { cause });
  }
}
