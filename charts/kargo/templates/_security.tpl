{{/*
The pod's security context: Kubernetes' restricted profile, and what `podSecurityContext` changes.
*/}}
{{- define "kargo.podSecurityContext" -}}
{{- $restricted := dict
  "runAsNonRoot" true
  "runAsUser" 1000
  "fsGroup" 1000
  "fsGroupChangePolicy" "OnRootMismatch"
  "seccompProfile" (dict "type" "RuntimeDefault")
}}
{{- include "kargo.changed" (list $restricted .Values.podSecurityContext) }}
{{- end }}

{{/*
The container's security context: the restricted profile on a root file system that is read-only,
and what `securityContext` changes.
*/}}
{{- define "kargo.securityContext" -}}
{{- $restricted := dict
  "allowPrivilegeEscalation" false
  "capabilities" (dict "drop" (list "ALL"))
  "readOnlyRootFilesystem" true
}}
{{- include "kargo.changed" (list $restricted .Values.securityContext) }}
{{- end }}

{{/*
Defaults, changed by what was given. Takes a list of both; whole numbers stay whole.
*/}}
{{- define "kargo.changed" -}}
{{- mergeOverwrite (first .) (deepCopy (last . | default dict)) | toYaml }}
{{- end }}
