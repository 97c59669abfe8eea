const output = (name: string, datatype: string, data: number) => ({
  name,
  datatype,
  shape: [1],
  data: [data],
});
const outputs = (...all: readonly object[]): string => JSON.stringify({ outputs: all });
const sizes = [output('petal', 'FP64', 0.1), output('sepal', 'FP64', 2.5)] as const;
/** The answers of a model's own pods and of the shared ones, and the resulting state of the model. */
export const OTHERS: Readonly<
  Record<string, { own: string; shared: string; state: string; because: string }>
> = {
  lily: { own: 'trained', shared: 'otherwise', state: 'ValuesDiffer', because: 'content is trained before' },
  poppy: {
    ...{
      own: outputs(output('petal', 'FP64', 0.1)),
      shared: outputs(output('petal', 'FP32', Math.fround(0.1))),
    },
    ...{ state: 'DatatypeDiffers', because: 'output petal is FP64 before, FP32 now' },
  },
  daisy: {
    ...{ own: outputs(...sizes), shared: outputs(...sizes.toReversed()) },
    ...{ state: 'OrderDiffers', because: 'outputs are petal, sepal before, sepal, petal now' },
  },
  aster: {
    ...{
      own: outputs(output('petal', 'FP64', 0.1)),
      shared: outputs(output('petal', 'FP64', Math.fround(0.1))),
    },
    ...{ state: 'Moved', because: '' },
  },
};
