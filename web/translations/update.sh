#!/bin/bash
# Bring the catalogues up to date with the texts in code and templates, and compile them. It prints nothing of
# a text that is new: look for an empty msgstr in web/translations/*/LC_MESSAGES/messages.po.
set -eu
cd "$(dirname "$0")/../.."
pybabel=.venv/bin/pybabel
template=$(mktemp)
trap 'rm -f "$template"' EXIT
$pybabel --quiet extract -F web/translations/babel.cfg -k N_ -k lazy_gettext -k _l --no-location --sort-output \
  --width=110 --project="NetID OAuth" -o "$template" .
for folder in web/translations/*/LC_MESSAGES; do
  $pybabel --quiet update -i "$template" -o "$folder/messages.po" -l "$(basename "$(dirname "$folder")")" \
    --ignore-obsolete --no-fuzzy-matching --ignore-pot-creation-date --width=110
  # The header keeps one date and no name, so that a new text changes its own lines alone.
  sed -i -E '/^"(Report-Msgid-Bugs-To|PO-Revision-Date|Last-Translator|Language-Team|Generated-By):/d' \
    "$folder/messages.po"
  $pybabel --quiet compile -i "$folder/messages.po" -o "$folder/messages.mo"
done
