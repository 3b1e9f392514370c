#!/usr/bin/env bash
# Sets one machine up for the course with JupyterHub, as root, from a checkout: bash examples/jupyterhub/set_up.sh
# What is there already stays. docs/jupyterhub.md says what each part is for; jupyterhub_config.py names the same places.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHECKOUT=$(cd "$HERE/../.." && pwd)
SERVED=/srv/autoencoders ENVIRONMENT=/opt/autoencoders ACCOUNT=grader-autoencoders
GRADERS=${GRADERS:-iris noor} STUDENTS=${STUDENTS:-ada ben}

# What is missing is said before anything is made.
stop() {
    echo "$1" >&2
    exit 1
}
[ "$(id -u)" -eq 0 ] || stop "Run this as root: it makes an account, and writes to /opt, /srv and /etc."
for user in $GRADERS $STUDENTS; do
    id "$user" >/dev/null 2>&1 || stop "This machine has no account $user: make it (useradd --create-home $user, passwd $user), or name yours: GRADERS='...' STUDENTS='...' bash ${BASH_SOURCE[0]}"
done
for program in bwrap configurable-http-proxy; do
    command -v "$program" >/dev/null || stop "$program is missing: docs/jupyterhub.md says how it is installed."
done

# Whose course it is. It has a shell for the terminals of its server, and no password: nobody logs in by this name.
id "$ACCOUNT" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$ACCOUNT"

# Debian lets everybody read what lies in a home: nobody shall read another one's work. HOME_MODE is for accounts to come.
for user in "$ACCOUNT" $GRADERS $STUDENTS; do
    chmod 700 "$(getent passwd "$user" | cut -d: -f6)"
done
grep -q '^HOME_MODE' /etc/login.defs || echo 'HOME_MODE 0700' >>/etc/login.defs

# One Python for all, of which nobody but root changes anything; the course in it as a copy, not as a link to the checkout.
if [ ! -x "$ENVIRONMENT/bin/jupyterhub" ]; then
    python=$(for p in python3.11 python3.13 python3.12; do command -v "$p" && break; done) ||
        stop "Python 3.11, 3.12 or 3.13 is missing: install one, with its venv module (Debian: python3-venv)."
    "$python" -m venv "$ENVIRONMENT"
    "$ENVIRONMENT/bin/python" -m pip install --require-hashes --only-binary :all: -r "$CHECKOUT/constraints.txt"
    "$ENVIRONMENT/bin/python" -m pip install jupyterhub
fi
runuser -u "$ACCOUNT" -- "$ENVIRONMENT/bin/python" -c "" ||
    stop "$ENVIRONMENT was made with a Python that others than root cannot run: remove it, and install one for all."
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
cp -R "$CHECKOUT"/{autoencoder_helpers,autoencoder_grader,pyproject.toml,README.md,LICENSE} "$source"
"$ENVIRONMENT/bin/python" -m pip install --quiet --no-deps --no-build-isolation --force-reinstall "$source"

# Terminals begin anew with their PATH.
echo "PATH=$ENVIRONMENT/bin:\$PATH" >/etc/profile.d/autoencoders.sh

# The course: its folder is its account's alone, so no student reads a solution, the gradebook or the secret in .grading/.
install -d -m 755 "$SERVED"
if [ ! -d "$SERVED/course" ]; then
    install -d -m 700 -o "$ACCOUNT" -g "$ACCOUNT" "$SERVED/course"
    cp -R "$CHECKOUT/solutions" "$CHECKOUT/notebooks" "$CHECKOUT/nbgrader_config.py" "$SERVED/course"
    chown -R "$ACCOUNT:$ACCOUNT" "$SERVED/course"
fi

# What students hand in goes through here. nbgrader asks for a folder that everybody may write to; in it, inbound/ lets
# nobody list what others handed in.
install -d -m 1777 "$SERVED/exchange"

# MNIST unpacked, and the flowers drawn, once for all.
install -d -m 755 "$SERVED/cache"
AUTOENCODER_CACHE="$SERVED/cache" "$ENVIRONMENT/bin/python" -c \
    'from autoencoder_helpers import load_flowers, load_mnist; load_mnist(); load_flowers("synthetic", count=3000)'
chmod -R u=rwX,go=rX "$SERVED/cache"

# Which buttons there are: a student's for everybody, the rest for graders and for the course's account. These are the files
# that `jupyter labextension` and `jupyter server extension` would write.
install -d -m 755 /etc/jupyter "$ENVIRONMENT/etc/jupyter/labconfig"
install -m 644 "$HERE/nbgrader_config.py" /etc/jupyter/nbgrader_config.py
buttons() {  # buttons FOLDER OFF PART...: write there whether parts of nbgrader are off (true) or not (false)
    local folder=$1 off=$2 on=true labels="" servers="" part
    [ "$off" = true ] && on=false
    shift 2
    for part in "$@"; do
        labels+="${labels:+, }\"@jupyter/nbgrader:$part\": $off"
        [ "$part" = create-assignment ] || servers+="${servers:+, }\"nbgrader.server_extensions.${part//-/_}\": $on"
    done
    mkdir -p "$folder/labconfig"
    echo "{\"disabledExtensions\": {$labels}}" >"$folder/labconfig/page_config.json"
    echo "{\"ServerApp\": {\"jpserver_extensions\": {$servers}}}" >"$folder/jupyter_server_config.json"
}
buttons "$ENVIRONMENT/etc/jupyter" true formgrader course-list create-assignment
show() {  # show USER PART...: give a user of the machine these buttons
    local home
    home=$(getent passwd "$1" | cut -d: -f6)
    buttons "$home/.jupyter" false "${@:2}"
    chown -R "$1:" "$home/.jupyter"
}
show "$ACCOUNT" formgrader create-assignment
for grader in $GRADERS; do
    show "$grader" course-list
done
echo "Set up. Start the hub: cd /srv/hub && $ENVIRONMENT/bin/jupyterhub -f $HERE/jupyterhub_config.py"
