# build: what the scripts need of Maven's work. Sourced after machine.sh, in the top directory of the tree.

VERSION=$(sed -n 's#^  <version>\(.*\)</version>#\1#p' pom.xml)
JAR=target/tetrapylon-$VERSION.jar
LIBRARY=target/classes/META-INF/native/linux-$(uname -m)/libtetrapylon.so

# Holds target for this script alone, until unlock_target: two that are started at once build one after the other.
lock_target() {
  mkdir -p target 2>/dev/null && [ -w target ] || fail "cannot write to $PWD/target; $WRITABLE"
  exec 9>>target/.lock
  flock 9
}

unlock_target() {
  exec 9>&-
}

# Whether the jar, the library and the C programs are newer than all they are made of.
is_built() {
  [ -e "$JAR" ] && [ -e "$LIBRARY" ] && [ -e target/programs ] && [ -z "$(find pom.xml include native java \
    tests/*/*.[ch] tests/*/support -newer "$JAR" -type f 2>/dev/null | head -n 1)" ]
}

# Builds the jar, the library and the C programs, without running tests, unless they are there.
ensure_built() {
  if is_built; then
    return
  fi
  sh scripts/lib/check-machine
  lock_target
  if ! is_built; then
    echo "building Tetrapylon first, which takes a minute or two; target/build.log tells more" >&2
    if ! mvn -B -Dstyle.color=never -DskipTests package </dev/null >target/build.log 2>&1 9>&-; then
      grep -F '[ERROR]' target/build.log | head -n 30 >&2 || true
      fail "the build failed; target/build.log tells more."
    fi
    touch "$JAR" # which Maven leaves alone when only C programs have changed
  fi
  unlock_target
}
