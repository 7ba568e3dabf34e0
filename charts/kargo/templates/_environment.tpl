{{/*
The variable's name for a key of `env`: camelCase becomes UPPER_SNAKE.
dataDbUrl: DATA_DB_URL, s3AccessKey: S3_ACCESS_KEY, baseURLPath: BASE_URL_PATH.
*/}}
{{- define "kargo.variableName" -}}
{{- $words := regexReplaceAll "([a-z0-9])([A-Z])" . "${1}_${2}" }}
{{- regexReplaceAll "([A-Z])([A-Z][a-z])" $words "${1}_${2}" | upper | replace "-" "_" }}
{{- end }}

{{/*
The container's environment, a list: `env` under names turned into UPPER_SNAKE, `rawEnv` under its
own; `rawEnv` wins where both give the same name. A null leaves the variable out.
*/}}
{{- define "kargo.env" -}}
{{- $variables := dict }}
{{- range $key, $value := .Values.env }}
  {{- $_ := set $variables (include "kargo.variableName" $key) $value }}
{{- end }}
{{- range $name, $value := .Values.rawEnv }}
  {{- $_ := set $variables $name $value }}
{{- end }}
{{- range $name, $value := $variables }}
  {{- include "kargo.variable" (dict "context" $ "name" $name "value" $value) }}
{{- end }}
{{- end }}

{{/*
One variable. Takes a dict of context, name and value; the value may be
  a text, number or boolean   as it is
  {secret, key}               from a secret: by default kargo.secretName, and the name in kebab-case
  {field}                     from a field of the pod, such as status.podIP
  {global}                    from the chart's global values; left out where that is empty
*/}}
{{- define "kargo.variable" -}}
{{- $name := .name }}
{{- $value := .value }}
{{- if not (kindIs "map" $value) }}
  {{- include "kargo.plainVariable" . }}
{{- else if hasKey $value "field" }}
- name: {{ $name }}
  valueFrom:
    fieldRef:
      fieldPath: {{ $value.field }}
{{- else if hasKey $value "global" }}
  {{- with get (.context.Values.global | default dict) $value.global }}
    {{- include "kargo.plainVariable" (dict "name" $name "value" .) }}
  {{- end }}
{{- else }}
  {{- with without (keys $value) "secret" "key" }}
    {{- fail (printf "the variable %s has the unknown key %s: secret, key, field and global are known" $name (first .)) }}
  {{- end }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $value.secret | default (include "kargo.secretName" .context) }}
      key: {{ $value.key | default ($name | lower | replace "_" "-") }}
{{- end }}
{{- end }}

{{/*
A variable of a plain value. Takes a dict of name and value.
Values are read as floats: without the detour over int64 2592000 would come out as 2.592e+06.
*/}}
{{- define "kargo.plainVariable" -}}
{{- $value := .value }}
{{- if kindIs "slice" $value }}
  {{- fail (printf "the variable %s is a list: write it as one text, as the program wants it" .name) }}
{{- end }}
{{- if and (kindIs "float64" $value) (eq (floor $value) $value) }}
  {{- $value = int64 $value }}
{{- end }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ .name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}
