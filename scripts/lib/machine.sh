# machine: what the scripts know about the machine they run on. Sourced, never run. Each need_ function returns when the
# thing is there and otherwise ends the script with one sentence that says what to do.

fail() {
  echo "tetrapylon: $*" >&2
  exit 1
}

# The script was called in a way it does not know.
misuse() {
  echo "tetrapylon: $*" >&2
  exit 2
}

need_platform() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Linux-aarch64) ;;
    *) fail "this is $(uname -s) on $(uname -m); use a Linux machine with x86_64 or aarch64." ;;
  esac
}

WRITABLE="build as the user to whom this folder belongs, or in a clone of your own."

# That a build can work in a folder: neither the NAR plugin nor Java's module path take every name.
need_folder() { # folder
  case "$1" in
    *[[:space:],:]*) fail "the name of the folder \"$1\" has a space, comma or colon in it; clone Tetrapylon into one without." ;;
  esac
  for needed in "$1/target" "$1"; do
    [ -e "$needed" ] || continue
    [ -w "$needed" ] || fail "cannot write to $needed; $WRITABLE"
    break
  done
}

need_command() { # command, what it is, how to get it
  command -v "$1" >/dev/null 2>&1 || fail "$2 ($1) is missing; install it, for example with \"$3\"."
}

need_compiler() { # compiler
  need_command "$1" "a C compiler" "apt install gcc libc6-dev"
}

need_maven() {
  need_command mvn "Maven 3.8 or later" "apt install maven"
}

# The feature release of the JDK in a directory, or nothing.
jdk_release() {
  [ -x "$1/bin/javac" ] && sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release" 2>/dev/null
}

# Prints the home of a JDK 25 or later. Looks where the Maven toolchain plugin looks.
find_jdk25() {
  for home in "${JDK25:-}" "${JAVA25_HOME:-}" "${JAVA_HOME:-}" /usr/lib/jvm/* /usr/local/openjdk* /opt/*jdk* /opt/java/* \
    "$HOME"/.jdks/* "$HOME"/.sdkman/candidates/java/* "$HOME"/.asdf/installs/java/*; do
    release=$(jdk_release "$home") || continue
    if [ -n "$release" ] && [ "$release" -ge 25 ]; then
      echo "$home"
      return
    fi
  done
  on_path=$(command -v javac 2>/dev/null) || return 0
  home=$(dirname "$(dirname "$(readlink -f "$on_path")")")
  release=$(jdk_release "$home")
  [ "${release:-0}" -ge 25 ] && echo "$home"
  return 0
}

# Sets JDK to the home of a JDK 25.
need_jdk25() {
  JDK=$(find_jdk25)
  [ -n "$JDK" ] || fail "no JDK 25 found; install one, for example Temurin 25 from https://adoptium.net, under /usr/lib/jvm, or point JAVA_HOME at it."
}
