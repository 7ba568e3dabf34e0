{{/*
The container's probes. It is ready when its port takes connections, and alive while
`livenessProbe.path` answers. What the values give replaces the times; `enabled: false` removes one.
*/}}
{{- define "kargo.probes" -}}
{{- $readiness := .Values.readinessProbe | default dict }}
{{- $liveness := .Values.livenessProbe | default dict }}
{{- if dig "enabled" true $readiness }}
readinessProbe:
  tcpSocket:
    port: http
  {{- include "kargo.changed" (list (dict "initialDelaySeconds" 5 "periodSeconds" 10) (omit $readiness "enabled")) | nindent 2 }}
{{- end }}
{{- if dig "enabled" true $liveness }}
livenessProbe:
  httpGet:
    path: {{ $liveness.path | default "/" }}
    port: http
  {{- include "kargo.changed" (list (dict "initialDelaySeconds" 60 "periodSeconds" 60) (omit $liveness "enabled" "path")) | nindent 2 }}
{{- end }}
{{- end }}
