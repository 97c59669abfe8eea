import { type ClientRequest, request, type RequestOptions } from 'node:http';
import type { OddAnswer } from './answer-readers.ts';
import { leavesConnection } from './answers.ts';

/**
 * Lets Node's client read an answer without a length, in chunks, or of any other kind. Its request has been sent already:
 * what the returned one writes goes nowhere. The connection is kept if the answer allows it.
 */
export function readOdd({ connection, keep }: OddAnswer, how: RequestOptions): ClientRequest {
  const reading = request({ ...how, createConnection: () => connection });
  reading.on('response', (answer) => {
    answer.on('end', () => {
      if (leavesConnection(answer)) keep();
    });
  });
  reading.end();
  return reading;
}
