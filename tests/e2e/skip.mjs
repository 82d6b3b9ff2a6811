// The same contract as skip.h: says what this host lacks; a failure with MAYFLY_TESTS_MUST_RUN=1.
export function skip(t, missing) {
  console.log(`SKIP: ${missing}`);
  if (process.env.MAYFLY_TESTS_MUST_RUN === '1') {
    throw new Error(`MAYFLY_TESTS_MUST_RUN=1: a skip is a failure: ${missing}`);
  }
  t.skip(missing);
}
