{{/*
The chart's name; `nameOverride` replaces it.
*/}}
{{- define "kargo.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
The name of the release's objects: the release's name, with the chart's unless it is in it already.
`fullnameOverride` replaces it. Cut at 63 characters, the longest name that DNS takes.
*/}}
{{- define "kargo.fullname" -}}
{{- $name := include "kargo.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- .Values.fullnameOverride | default $full | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
The name of the service account that the pods run under.
*/}}
{{- define "kargo.serviceAccountName" -}}
{{- $account := .Values.serviceAccount | default dict }}
{{- $own := ternary (include "kargo.fullname" .) "default" (dig "create" true $account) }}
{{- $account.name | default $own }}
{{- end }}

{{/*
The name of the secret that environment variables are taken from unless they name another.
*/}}
{{- define "kargo.secretName" -}}
{{- dig "secret" "" (.Values.global | default dict) | default .Release.Name }}
{{- end }}

{{/*
The name of the claim of the data volume.
*/}}
{{- define "kargo.dataClaimName" -}}
{{- .Values.data.existingClaim | default (printf "%s-data" (include "kargo.fullname" . | trunc 58 | trimSuffix "-")) }}
{{- end }}
