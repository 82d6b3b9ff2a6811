# To be sourced. `skip REQUIREMENT…` ends the test as skipped; with MAYFLY_TESTS_MUST_RUN=1, as failed.
skip() {
  echo "SKIP: $*"
  if [ "${MAYFLY_TESTS_MUST_RUN:-}" = 1 ]; then
    echo "MAYFLY_TESTS_MUST_RUN=1: a skip is a failure"
    exit 1
  fi
  exit 77
}
