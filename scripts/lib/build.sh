# build: what the scripts need of Maven's work. Sourced after machine.sh, in the top directory of the tree.

VERSION=$(sed -n 's#^  <version>\(.*\)</version>#\1#p' pom.xml)
JAR=target/tetrapylon-$VERSION.jar
LIBRARY=target/classes/META-INF/native/linux-$(uname -m)/libtetrapylon.so

# Builds the jar, the library and the C programs, without running tests, unless they are newer than all they are made of.
ensure_built() {
  if [ -e "$JAR" ] && [ -e "$LIBRARY" ] && [ -e target/programs ] && [ -z "$(find pom.xml include native java \
      tests/*/*.[ch] tests/*/support -newer "$JAR" -type f 2>/dev/null | head -n 1)" ]; then
    return
  fi
  sh scripts/lib/check-machine
  mvn -B -q -DskipTests package </dev/null || fail "the build failed; its messages above say where."
  touch "$JAR" # which Maven leaves alone when only C programs have changed
}
