import { NO_MORE_WAITING } from '../../lib/abort.ts';
import { type Clock, type Milliseconds, milliseconds, type MonotonicMs, seconds } from '../../lib/clock.ts';
import type { Residency } from '../../contract/residency.ts';
import { meansSameSpec } from '../../contract/model-config.ts';
import type { ResidenceControl } from '../engine/context.ts';
import type { TrackedModel } from '../engine/tracked-model.ts';
import { createDiskLedger } from './disk.ts';
import {
  answers,
  byHeat,
  type Entry,
  holdsMemory,
  isOnDisk,
  isProved,
  newEntry,
  sizeOf,
  standingFailure,
  warm,
} from './entry.ts';
import { createLruList } from './lru-list.ts';
import { createMemoryLedger, type MemoryFigures } from './memory.ts';
import { createLoadQueues } from './queues.ts';
import { type ByteCount, cooled, planRoom, suspectCharge, type Urgency } from './residency.decide.ts';
import { createWaitingRoom, refusal } from './waiting.ts';
import type { ModelWaker } from './waker.ts';
