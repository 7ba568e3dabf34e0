{{/*
The service before the pods, on `service.port`, or else on the container's own port.
*/}}
{{- define "kargo.service" -}}
{{- $service := .Values.service | default dict -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "kargo.fullname" . }}
  labels:
    {{- include "kargo.labels" . | nindent 4 }}
  {{- with $service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ $service.type | default "ClusterIP" }}
  ports:
    - name: http
      port: {{ include "kargo.servicePort" . }}
      targetPort: http
  selector:
    {{- include "kargo.selectorLabels" . | nindent 4 }}
{{- end }}

{{- define "kargo.servicePort" -}}
{{- dig "port" nil (.Values.service | default dict) | default .Values.containerPort | int }}
{{- end }}
