{{/*
The service account, without a token in the pods; nothing where `serviceAccount.create` is false.
*/}}
{{- define "kargo.serviceAccount" -}}
{{- $account := .Values.serviceAccount | default dict }}
{{- if dig "create" true $account -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "kargo.serviceAccountName" . }}
  labels:
    {{- include "kargo.labels" . | nindent 4 }}
  {{- with $account.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end }}
