# What an agent does with git all day. attack.py demands that none of it is taken for an attack.
set -e
git init -q made && cd made
git config user.name victim && git config user.email victim@example.org
echo one >file && git add file && git commit -qm one
git checkout -qb side && echo two >>file && git commit -qam two
git checkout -q - && git merge -q side
cd .. && git clone -q made cloned && cd cloned
git config user.name victim && git config user.email victim@example.org
git checkout -qb x origin/side
git remote add other ../made && git fetch -q other
git push -qu other x
git worktree add -q ../tree HEAD && git -C ../tree status --short
git stash list && git gc -q && git tag v1
