import ts from 'typescript';
import { errorClasses } from './errors.ts';
import { code, markdownTable, page } from './markdown.ts';
import { literalsOf, type Sources, walk } from './sources.ts';

const STATUS = 'src/contract/trained-model-status.ts';
const LOADED = 'src/contract/model-loaded.ts';
const PREDICTOR = 'src/contract/predictor-outcome.ts';
const PREDICTOR_CONDITIONS = 'src/controllers/predictors/predictor-conditions.decide.ts';

/** Conditions, their reasons, events and decisions: what of the types and statuses in src/core people see. */
export function conditionsPage(sources: Sources): string {
  const list = (names: readonly string[]): string => [...new Set(names)].sort().map(code).join(', ');
  const rows = (entries: readonly (readonly [string, readonly string[]])[]): string =>
    markdownTable(
      ['of', 'reasons'],
      entries.map(([what, names]) => [what, list(names)]),
    );
  const waiting = typeNamed(sources, 'src/contract/model-config-plan.ts', 'WaitingReason');
  return page(
    'Conditions, reasons and events',
    'Every word that a status, an event, a metric or an audit annotation may hold. What they mean is in [the status of TrainedModels](../trained-model-status.md), [operations](../operations.md) and [predictors](../predictors.md).',
    '## TrainedModels',
    `Conditions: ${list(['Ready', 'ModelLoaded', ...written(sources, STATUS, 'type')])}.`,
    rows([
      ['conditions of KServe', written(sources, STATUS, 'reason')],
      [
        '`ModelLoaded`',
        [...written(sources, LOADED, 'reason'), 'Downloading', 'Loading', 'Loaded', ...waiting],
      ],
      ['events', typeNamed(sources, 'src/controllers/status/model-events.decide.ts', 'ModelEvent', 'reason')],
      [
        'refusals by the webhook',
        typeNamed(sources, 'src/contract/trained-model-admission.ts', 'AdmissionFault', 'code'),
      ],
    ]),
    '## Failed models',
    'A message of `ModelLoaded` with reason `Failed` begins with one of these where the download failed; [error codes](errors.md) has more on each.',
    markdownTable(
      ['reason', 'tried again', 'meaning'],
      errorClasses(sources)
        .filter(({ reason }) => reason !== undefined)
        .map(({ reason = '', retryable, comment }) => [
          code(reason),
          retryable === 'yes' ? 'soon' : 'rarely',
          comment,
        ]),
    ),
    '## InferenceServices',
    `Conditions: ${list(typeNamed(sources, PREDICTOR, 'ConditionType'))}.`,
    rows([
      [
        '`PredictorReady`, `IngressReady`, `Ready`',
        [
          ...typeNamed(sources, PREDICTOR, 'BlockedReason'),
          ...written(sources, PREDICTOR_CONDITIONS, 'reason'),
        ],
      ],
      ['being multi-model', typeNamed(sources, 'src/contract/mms-predictor.ts', 'MmsReason', 'code')],
    ]),
    '## Pods',
    rows([
      ['decisions of the webhook', typeNamed(sources, 'src/contract/agent-injection.ts', 'InjectionReason')],
    ]),
  );
}

/** The texts that an exported type, or a property of it, can be. */
function typeNamed(sources: Sources, path: string, name: string, property?: string): string[] {
  const file = sources.files.find((one) => sources.pathOf(one) === path);
  let found: string[] = [];
  if (file === undefined) throw new Error(`there is no ${path}`);
  walk(file, (node) => {
    if (!ts.isTypeAliasDeclaration(node) && !ts.isInterfaceDeclaration(node)) return;
    if (node.name.text !== name) return;
    const type = sources.checker.getTypeAtLocation(node.name);
    found = property === undefined ? literalsOf(type) : membersOf(sources, type, property, node);
  });
  if (found.length === 0) throw new Error(`${name} of ${path} is no union of texts`);
  return found;
}

function membersOf({ checker }: Sources, type: ts.Type, property: string, at: ts.Node): string[] {
  const parts = type.isUnion() ? type.types : [type];
  return parts.flatMap((part) => {
    const symbol = part.getProperty(property);
    return symbol === undefined ? [] : literalsOf(checker.getTypeOfSymbolAtLocation(symbol, at));
  });
}

/** The texts that a file writes into a property of this name, by a constant of its own too. */
function written(sources: Sources, path: string, property: string): string[] {
  const file = sources.files.find((one) => sources.pathOf(one) === path);
  const found: string[] = [];
  if (file === undefined) throw new Error(`there is no ${path}`);
  walk(file, (node) => {
    const isIt = ts.isPropertyAssignment(node) || ts.isShorthandPropertyAssignment(node);
    if (!isIt || node.name.getText() !== property) return;
    found.push(...literalsOf(typeOfValue(sources, node)));
  });
  return found.filter((text) => /^[A-Z]/.test(text));
}

/** `{ reason }` stands for the constant of that name. */
function typeOfValue(
  { checker }: Sources,
  node: ts.PropertyAssignment | ts.ShorthandPropertyAssignment,
): ts.Type {
  if (ts.isPropertyAssignment(node)) return checker.getTypeAtLocation(node.initializer);
  const symbol = checker.getShorthandAssignmentValueSymbol(node);
  return symbol === undefined ? checker.getUndefinedType() : checker.getTypeOfSymbolAtLocation(symbol, node);
}
